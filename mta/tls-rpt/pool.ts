/**
 * Where each pod has a volume of its own, one of them reports on a day with what all have counted. When the day is over, and before its reports
 * begin, each pod passes its counts on to the first, by name, of those that live; a pod that goes for good passes on all that it has. A file of counts
 * keeps its writer's name wherever it goes, and is removed when somebody else has it: who passes it on again, as no answer came, replaces what was
 * there. Counts that nobody takes are reported by the pod that has them, in a report of its own (RFC 8460 §5.1).
 */
import type { Clock } from '../clock.ts';
import type { MemberName } from '../fleet/types.ts';
import { type Days, takeCounts } from './days.ts';
import { DAY_MS, startOf } from './report.ts';
import { Tally } from './tally.ts';
import { FIRST_MS } from './times.ts';

/** The other pods, as far as counts go. */
export interface CountsPeers {
  /** Those that live. */
  members(): Promise<readonly MemberName[]>;
  /** Resolves with whether it has them now, on its volume. Rejects where that can't be told. */
  give(member: MemberName, day: string, writer: string, counts: Buffer): Promise<boolean>;
}

export interface PoolDeps {
  readonly days: Pick<Days, 'list' | 'writers' | 'get' | 'put' | 'drop' | 'lastClaim' | 'isFinished'>;
  readonly self: MemberName;
  readonly peers: CountsPeers;
  readonly clock: Clock;
  /** These stay here, for now. */
  readonly onKept: (day: string, member: MemberName, error?: unknown) => void;
}

export class Pool {
  readonly #deps: PoolDeps;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
  }

  /** Of a day whose reports have not begun here: what all have written by now. Rejects where our own volume fails. */
  async passOn(day: string): Promise<void> {
    const { days, self, peers, onKept } = this.#deps;
    if (await this.#isBegun(day)) return;
    const [first = self] = [self, ...(await peers.members())].sort();
    if (first === self) return;
    for (const writer of await days.writers(day)) {
      const counts = await days.get(day, writer);
      if (counts === undefined) continue;
      try {
        if (!(await peers.give(first, day, writer, counts))) return onKept(day, first);
      } catch (error) {
        return onKept(day, first, error);
      }
      await days.drop(day, writer);
    }
  }

  /** For who goes for good, when nobody counts any more. Rejects as `passOn` does. */
  async passAllOn(): Promise<void> {
    for (const day of await this.#deps.days.list()) await this.passOn(day);
  }

  /**
   * What another pod has counted: whether it is ours now. What we would not read, or would read too late, isn't. Rejects where our volume
   * fails.
   */
  async take(day: string, writer: string, counts: Buffer): Promise<boolean> {
    const { days, clock } = this.#deps;
    const isOpen = () => startOf(day) <= clock.now() && clock.now() < startOf(day) + DAY_MS + FIRST_MS;
    if (!isOpen() || (await this.#isBegun(day))) return false;
    if (!(await takeCounts(new Tally(), counts, clock))) return false;
    await days.put(day, writer, counts);
    if (isOpen()) return true;
    // It took so long that reports may have begun without them.
    await days.drop(day, writer);
    return false;
  }

  async #isBegun(day: string): Promise<boolean> {
    const { days } = this.#deps;
    return (await days.lastClaim(day)) !== undefined || (await days.isFinished(day));
  }
}
