/**
 * Damage in a lane that is being served: counted and reported. A message whose record is damaged is kept aside, as nobody
 * knows any more for whom it is; one whose body is damaged stays, held. What can't be kept aside, or held, is said, and
 * costs nobody else anything: nothing here rejects.
 */
import { PostriderError } from '../errors.ts';
import { type BodyToRead, checkBody } from './body-reader.ts';
import type { LaneContext } from './context.ts';
import { type FoundDamage, keepAside } from './damage.ts';
import { formatQueueId } from './layout.ts';
import type { MessageIndex } from './message-index.ts';
import { Patience } from './patience.ts';
import type { Settlement, StoredReply } from './types.ts';

export interface LaneDamageParts {
  readonly context: Pick<LaneContext, 'disk' | 'log' | 'clock'>;
  readonly lane: string;
  readonly folder: string;
  readonly index: MessageIndex;
  /** By recovery. */
  readonly found: readonly FoundDamage[];
  /** Resolves when it is on stable storage. */
  settle(sequence: number, settlement: Settlement): Promise<unknown>;
}

/** Of every recipient that waits for a person. */
const HELD: StoredReply = {
  code: 451,
  enhanced: '4.3.0',
  text: 'The stored content is damaged: held until a person has looked at it',
};

export class LaneDamage {
  readonly #parts: LaneDamageParts;
  #count: number;
  /** Messages whose body is looked at again. */
  readonly #suspected = new Set<number>();

  constructor(parts: LaneDamageParts) {
    this.#parts = parts;
    this.#count = parts.found.length;
    const { context, lane, found } = parts;
    for (const damage of found) {
      context.log.error({ lane, ...damage }, 'part of a segment is damaged');
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
      context.log.error({ lane, ...range, err: error }, 'record could not be kept aside');
    });
    if (!index.remove(sequence)) return;
    this.#count += 1;
    const destinations = jobs.map(({ destination }) => destination);
    context.log.error(
      { lane, id: formatQueueId(lane, sequence), sender, arrivedAt, destinations, err: cause },
      'message is damaged and has left the queue, kept aside',
    );
  }

  /**
   * Reading a body has failed. Over a network it may be seen as it once was: damage is what stays, and then the message is
   * held.
   */
  suspect(sequence: number, body: BodyToRead, error: unknown): void {
    if (!isDamage(error) || this.#suspected.has(sequence)) return;
    this.#suspected.add(sequence);
    void this.#lookAgain(sequence, body).finally(() => this.#suspected.delete(sequence));
  }

  async #lookAgain(sequence: number, body: BodyToRead): Promise<void> {
    const { context, lane, index, settle } = this.#parts;
    const id = formatQueueId(lane, sequence);
    try {
      const cause = await this.#stays(body);
      const message = index.get(sequence);
      if (cause === undefined || !message) return;
      this.#count += 1;
      context.log.error({ lane, id, err: cause }, 'body of a message is damaged, and the message is held');
      const deferred = message.jobs.map((job) => ({ ...job, held: true, lastReply: HELD }));
      await settle(sequence, { ended: [], deferred });
    } catch (error) {
      context.log.error({ lane, id, err: error }, 'message with a damaged body could not be held');
    }
  }

  /** The damage, where it doesn't go away by itself. */
  async #stays(body: BodyToRead): Promise<unknown> {
    const { clock, disk } = this.#parts.context;
    const patience = new Patience(clock);
    for (;;) {
      try {
        await checkBody(disk, body);
        return undefined;
      } catch (error) {
        if (!isDamage(error)) throw error;
        if (!(await patience.more())) return error;
      }
    }
  }
}

const isDamage = (error: unknown): boolean =>
  error instanceof PostriderError && error.code === 'QueueDamaged';
