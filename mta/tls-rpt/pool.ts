/**
 * Where each pod has a volume of its own, one of them reports on a day with what all have counted. When the day is over, and before its reports
 * begin, each pod passes its counts on to the first, by name, of those that live; a pod that goes for good passes on all that it has. A file of counts
 * keeps its writer's name wherever it goes, and is removed when somebody else has it: who passes it on again, as no answer came, replaces what was
 * there. Counts that nobody takes are reported by the pod that has them, in a report of its own (RFC 8460 §5.1).
 */
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import type { MemberName } from '../fleet/types.ts';
import { within } from '../within.ts';
import { type Days, takeCounts } from './days.ts';
import { DAY_MS, startOf } from './report.ts';
import { Tally } from './tally.ts';
import { FIRST_MS } from './times.ts';

/** The other pods, as far as counts go. */
export interface CountsPeers {
  /** Those that live. */
  members(): Promise<readonly MemberName[]>;
  /** Resolves with whether it has them now, on stable storage. Rejects where that can't be told. */
  give(member: MemberName, day: string, writer: string, counts: Buffer): Promise<boolean>;
}

export interface PoolDeps {
  readonly days: Pick<
    Days,
    'list' | 'writers' | 'get' | 'put' | 'drop' | 'sync' | 'lastClaim' | 'isFinished'
  >;
  readonly self: MemberName;
  readonly peers: CountsPeers;
  readonly clock: Clock;
  /** Some of a day stays here, for now: nobody has taken it, or somebody may have. Told once of a day. */
  readonly onKept: (day: string, error?: unknown) => void;
}

/** For one file to go over and be written. */
const GIVING_MS = 60_000;

export class Pool {
  readonly #deps: PoolDeps;
  #taking: Promise<unknown> = Promise.resolve();
  /** A day that `onKept` has heard of. */
  #told: string | undefined;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
  }

  /** Of a day whose reports have not begun here: what all have written by now. Rejects where our own volume fails. */
  async passOn(day: string): Promise<void> {
    const { self, peers } = this.#deps;
    const [first = self] = [self, ...(await peers.members())].sort();
    if (first !== self) await this.#give(day, [first]);
  }

  /** For who goes for good, when nobody counts any more: to whoever takes it. Rejects as `passOn` does. */
  async passAllOn(): Promise<void> {
    const { days, peers } = this.#deps;
    const others = [...(await peers.members())].sort();
    for (const day of await days.list()) await this.#give(day, others);
  }

  async #give(day: string, members: readonly MemberName[]): Promise<void> {
    const { days } = this.#deps;
    if (await this.#isBegun(day)) return;
    let isKept = false;
    for (const writer of await days.writers(day)) {
      const counts = await days.get(day, writer);
      if (counts === undefined) continue;
      try {
        if (await this.#isTaken(day, writer, counts, members)) await days.drop(day, writer, counts);
        else isKept = true;
      } catch (error) {
        // Who is silent would be waited for with each of them.
        return this.#tell(day, error);
      }
    }
    if (isKept) this.#tell(day);
  }

  #tell(day: string, error?: unknown): void {
    if (this.#told !== day) this.#deps.onKept(day, error);
    this.#told = day;
  }

  /** Asked one after the other, as long as they say no. */
  async #isTaken(
    day: string,
    writer: string,
    counts: Buffer,
    members: readonly MemberName[],
  ): Promise<boolean> {
    const { peers, clock } = this.#deps;
    for (const member of members) {
      const answer = peers.give(member, day, writer, counts);
      if (!(await within(clock, GIVING_MS, answer))) throw new Error(`${member} does not answer`);
      if (await answer) return true;
    }
    return false;
  }

  /**
   * What another pod has counted: whether it is ours now. What we would not read, or would read too late, isn't. One after the other, so that many
   * need the memory of one. Rejects where our volume fails, or where reports may have begun with them or without.
   */
  take(day: string, writer: string, counts: Buffer): Promise<boolean> {
    const taken = this.#taking.then(() => this.#take(day, writer, counts));
    this.#taking = taken.catch(() => {});
    return taken;
  }

  async #take(day: string, writer: string, counts: Buffer): Promise<boolean> {
    const { days, clock } = this.#deps;
    const isOpen = () => startOf(day) <= clock.now() && clock.now() < startOf(day) + DAY_MS + FIRST_MS;
    if (!isOpen() || (await this.#isBegun(day))) return false;
    if (!(await takeCounts(new Tally(), counts, clock))) return false;
    await days.put(day, writer, counts);
    await days.sync(day);
    if (isOpen()) return true;
    throw new PostriderError('QueueUnreachable', `The volume took so long that reports of ${day} have begun`);
  }

  async #isBegun(day: string): Promise<boolean> {
    const { days } = this.#deps;
    return (await days.lastClaim(day)) !== undefined || (await days.isFinished(day));
  }
}
