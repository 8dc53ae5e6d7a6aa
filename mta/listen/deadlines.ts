/**
 * The deadlines of one session: how long it may last, how long the client may take for what it owes us, and the pace
 * of content. Time in which it is our turn counts against nobody. One timer serves them all, armed for the nearest
 * deadline; a deadline that moves away costs nothing. Calls back once, with what to tell the client.
 */
import type { Clock } from '../clock.ts';

export type Expiry = 'sessionTooLong' | 'idleTimeout' | 'tooSlow';

// RFC 5321 §4.5.3.2.7
const PATIENCE_MS = 5 * 60_000;
const PACE_WINDOW_MS = 60_000;

export class Deadlines {
  readonly #clock: Clock;
  readonly #expired: (why: Expiry) => void;
  readonly #endsAt: number;
  // Monotonic times, like all that follow.
  #waitUntil: number;
  #paceUntil = Number.POSITIVE_INFINITY;
  #pace: { received: () => number; atStart: number; enough: number } | undefined;
  #pausedAt: number | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => {};

  /** @param sessionSeconds 0 is any time */
  constructor(clock: Clock, sessionSeconds: number, expired: (why: Expiry) => void) {
    this.#clock = clock;
    this.#expired = expired;
    const now = clock.monotonic();
    this.#endsAt = sessionSeconds > 0 ? now + sessionSeconds * 1000 : Number.POSITIVE_INFINITY;
    this.#waitUntil = now + PATIENCE_MS;
    this.#arm();
  }

  /** The client has done what it owed us, a whole line or a part of content: its time begins anew. */
  waitForClient(): void {
    this.#waitUntil = this.#clock.monotonic() + PATIENCE_MS;
  }

  /**
   * Content begins.
   *
   * @param minDataRate bytes per second over a minute; 0 is any pace
   * @param received bytes of it that have arrived
   */
  startContent(minDataRate: number, received: () => number): void {
    if (minDataRate === 0) return;
    this.#pace = { received, atStart: received(), enough: (minDataRate * PACE_WINDOW_MS) / 1000 };
    this.#paceUntil = this.#clock.monotonic() + PACE_WINDOW_MS;
    this.#arm();
  }

  endContent(): void {
    this.#pace = undefined;
    this.#paceUntil = Number.POSITIVE_INFINITY;
  }

  /** It is our turn: nobody is late until `resume`. */
  pause(): void {
    this.#pausedAt = this.#clock.monotonic();
  }

  resume(): void {
    if (this.#pausedAt !== undefined) this.#paceUntil += this.#clock.monotonic() - this.#pausedAt;
    this.#pausedAt = undefined;
    this.waitForClient();
    this.#arm();
  }

  cancel(): void {
    this.#cancelWake();
  }

  #arm(): void {
    const nearest = Math.min(this.#endsAt, this.#waitUntil, this.#paceUntil);
    if (nearest >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = nearest;
    this.#cancelWake = this.#clock.after(Math.max(0, nearest - this.#clock.monotonic()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      if (this.#pausedAt === undefined) this.#check();
    });
  }

  #check(): void {
    const now = this.#clock.monotonic();
    if (now >= this.#endsAt) this.#expired('sessionTooLong');
    else if (now >= this.#waitUntil) this.#expired('idleTimeout');
    else if (now >= this.#paceUntil && !this.#keepsPace(now)) this.#expired('tooSlow');
    else this.#arm();
  }

  #keepsPace(now: number): boolean {
    const { received, atStart, enough } = this.#pace!;
    const sofar = received();
    if (sofar - atStart < enough) return false;
    this.#pace = { received, atStart: sofar, enough };
    this.#paceUntil = now + PACE_WINDOW_MS;
    return true;
  }
}
