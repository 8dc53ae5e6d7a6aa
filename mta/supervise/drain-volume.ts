/**
 * What the volume of a pod that is drained shows of its queue. It may be another one than before, or hang: then it shows that. Nothing here
 * rejects.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Claim } from '../control/drain-types.ts';
import { PostriderError } from '../errors.ts';
import { type Disk, messageOf } from '../queue/disk.ts';
import type { Host, Owner } from '../queue/host.ts';
import { lookAtQueue } from '../queue/proof/sight.ts';
import { type Leftover, type Verdict, verdictOfOwn, verdictOfShared } from '../queue/proof/verdict.ts';
import { queueIdOf } from '../queue/version.ts';
import { within } from '../within.ts';

export interface DrainVolumeParts {
  /** Of the queue: it stays the same while the process runs. */
  readonly path: string;
  readonly disk: Disk;
  readonly host: Host;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether a process of this host is one of this pod's workers, or was. */
  readonly isOurs: (pid: number) => boolean;
}

/** What the volume showed, and when it was asked, ms since the epoch. */
export interface Seen {
  readonly at: number;
  readonly id: string | undefined;
  readonly verdict: Verdict;
}

/** A volume that has not shown everything by then is said not to answer. */
export const VOLUME_MS = 20_000;

const OTHER_QUEUE: Leftover = {
  kind: 'otherQueue',
  where: 'VERSION',
  what: 'this is another queue than the one that this pod has had: is its volume mounted?',
};

export class DrainVolume {
  readonly #parts: DrainVolumeParts;
  /** One that hangs is not asked twice. */
  #reading: Promise<Omit<Seen, 'at'>> | undefined;
  /** What the queue was known by when it was first seen; undefined where it has not been. */
  #known: { readonly id: string | undefined } | undefined;

  constructor(parts: DrainVolumeParts) {
    this.#parts = parts;
  }

  /** Notes which queue it is. */
  async identify(): Promise<void> {
    const { disk, path, logger } = this.#parts;
    try {
      this.#known ??= { id: await queueIdOf(disk, path) };
    } catch (error) {
      logger.warn({ err: error }, 'the queue could not be identified');
    }
  }

  /** What it shows now, of what the claim is about. */
  async see(claim: Claim): Promise<Seen> {
    const { clock } = this.#parts;
    const at = clock.now();
    try {
      // What was asked of the volume before says nothing of now.
      if (this.#reading !== undefined) throw new Error('it does not answer');
      const reading = this.#read(claim).finally(() => {
        this.#reading = undefined;
      });
      this.#reading = reading;
      if (await within(clock, VOLUME_MS, reading)) return { at, ...(await reading) };
      throw new Error(`it has not answered for ${VOLUME_MS / 1000} seconds`);
    } catch (error) {
      const hint = error instanceof PostriderError && error.hint !== undefined ? ` ${error.hint}` : '';
      const what = `the volume can't be read: ${messageOf(error)}.${hint}`;
      return {
        at,
        id: undefined,
        verdict: { left: [{ kind: 'unreadable', where: '', what }], listed: [], counts: {} },
      };
    }
  }

  async #read(claim: Claim): Promise<Omit<Seen, 'at'>> {
    const { disk, path, host, isOurs } = this.#parts;
    const sight = await lookAtQueue(disk, path);
    const self = host.self();
    const ours = (owner: Owner) =>
      isOurs(owner.pid) &&
      owner.hostname === self.hostname &&
      owner.boot === self.boot &&
      owner.pidNamespace === self.pidNamespace;
    const verdict = claim === 'released' ? verdictOfShared(sight, ours) : verdictOfOwn(sight, ours);
    this.#known ??= { id: sight.id };
    if (sight.id === this.#known.id) return { id: sight.id, verdict };
    return { id: sight.id, verdict: { ...verdict, left: [...verdict.left, OTHER_QUEUE] } };
  }
}
