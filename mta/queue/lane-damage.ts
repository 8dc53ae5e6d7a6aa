/**
 * Damage in a lane that is being served: counted, reported, and kept aside. What can't be kept aside is said, and costs
 * nobody else anything: nothing here rejects.
 */
import type { LaneContext } from './context.ts';
import { type Damage, keepAside } from './damage.ts';
import { formatQueueId } from './layout.ts';
import type { MessageIndex } from './message-index.ts';

export interface LaneDamageParts {
  readonly context: Pick<LaneContext, 'disk' | 'log'>;
  readonly lane: string;
  readonly folder: string;
  readonly index: MessageIndex;
  /** By recovery, which has kept it aside. */
  readonly found: readonly Damage[];
}

export class LaneDamage {
  readonly #parts: LaneDamageParts;
  #count: number;

  constructor(parts: LaneDamageParts) {
    this.#parts = parts;
    this.#count = parts.found.length;
    const { context, lane, found } = parts;
    for (const damage of found) {
      context.log.error({ lane, ...damage }, 'damaged part of a segment kept aside');
    }
  }

  /** Damaged parts that have been found. */
  get count(): number {
    return this.#count;
  }

  /** Out of the index as it would be had recovery found the damage; what can be read of it is kept aside. */
  async setAside(sequence: number, cause: unknown): Promise<void> {
    const { context, lane, folder, index } = this.#parts;
    const message = index.get(sequence);
    if (!message) return;
    const { segment, offset, length, sender, arrivedAt, jobs } = message;
    // Before anybody can take the segment for empty.
    const range = { segment, from: offset, to: offset + length };
    await keepAside(context.disk, folder, range).catch((error: unknown) => {
      context.log.error({ lane, ...range, err: error }, 'damaged part of a segment could not be kept aside');
    });
    if (!index.remove(sequence)) return;
    this.#count += 1;
    const destinations = jobs.map(({ destination }) => destination);
    context.log.error(
      { lane, id: formatQueueId(lane, sequence), sender, arrivedAt, destinations, err: cause },
      'message is damaged and has left the queue, kept aside',
    );
  }
}
