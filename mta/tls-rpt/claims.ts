/**
 * Who of all that see a volume reports on a day: the one who made the last claim, as long as its beat goes on. Of who is silent for too
 * long the next claim takes the day over; who stops in order gives it up. Times are of each one's own monotonic clock. A holder that was
 * paused may go on beside its successor until its next beat: reports have ids that tell who gets one twice. Failures are the disk's.
 */
import type { Clock } from '../clock.ts';
import type { Claim, Days } from './days.ts';

/** Many times what there is between two beats. */
export const SILENCE_MS = 15 * 60_000;

interface LastClaim {
  readonly number: number;
  readonly claim: Claim;
}

export class Claims {
  readonly #days: Pick<Days, 'lastClaim' | 'makeClaim' | 'keepClaim'>;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #held = new Map<string, number>();
  /** What was seen of others, and when that was new. */
  readonly #seen = new Map<string, { readonly state: string; readonly at: number }>();

  /** @param holder unique */
  constructor(days: Pick<Days, 'lastClaim' | 'makeClaim' | 'keepClaim'>, clock: Clock, holder: string) {
    this.#days = days;
    this.#clock = clock;
    this.#holder = holder;
  }

  /** Whether the day is ours now; to be asked again before each turn of work on it. */
  async hold(day: string): Promise<boolean> {
    const last = await this.#days.lastClaim(day);
    if (last === undefined) return this.#make(day, 0);
    if (await this.#keep(day, last)) return true;
    const { number, claim } = last;
    if (claim.holder === undefined) return this.#make(day, number + 1);
    const state = `${number} ${claim.holder} ${claim.beat}`;
    const now = this.#clock.monotonic();
    const seen = this.#seen.get(day);
    if (seen?.state !== state) {
      this.#seen.set(day, { state, at: now });
      return false;
    }
    return now - seen.at >= SILENCE_MS && this.#make(day, number + 1);
  }

  /** Tells others that we live, of all days that are ours, in the middle of work on one of them. */
  async beat(): Promise<void> {
    for (const day of [...this.#held.keys()]) {
      const last = await this.#days.lastClaim(day);
      if (last !== undefined) await this.#keep(day, last);
    }
  }

  /** As far as we know. */
  holds(day: string): boolean {
    return this.#held.has(day);
  }

  /** It is over. */
  forget(day: string): void {
    this.#held.delete(day);
    this.#seen.delete(day);
  }

  /** Others need not wait for our silence. */
  async giveUp(): Promise<void> {
    for (const [day, number] of this.#held) await this.#days.keepClaim(day, number, { beat: 0 });
    this.#held.clear();
  }

  /** Whether it is ours still. */
  async #keep(day: string, { number, claim }: LastClaim): Promise<boolean> {
    if (claim.holder !== this.#holder) {
      this.#held.delete(day);
      return false;
    }
    await this.#days.keepClaim(day, number, { holder: this.#holder, beat: claim.beat + 1 });
    this.#held.set(day, number);
    return true;
  }

  async #make(day: string, number: number): Promise<boolean> {
    const isOurs = await this.#days.makeClaim(day, number, { holder: this.#holder, beat: 0 });
    if (isOurs) this.#held.set(day, number);
    return isOurs;
  }
}
