/**
 * Tells when the wall clock can't be trusted: when it has moved by more than an hour against the monotonic one. Nothing
 * expires then; mail that would have is tried again, as after any other failed attempt.
 */
import type { Clock } from '../clock.ts';

const TOLERANCE_MS = 3600_000;

export class ClockWatch {
  readonly #clock: Clock;
  /** Wall minus monotonic, as it was at the start. */
  readonly #offset: number;
  readonly #report: (jumpMs: number) => void;
  #jumped = false;

  /** @param report called once for each jump with its size in ms, and with 0 when the clock is back */
  constructor(clock: Clock, report: (jumpMs: number) => void) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.monotonic();
    this.#report = report;
  }

  /** Whether expiry may go by the wall clock at this moment. */
  trusted(): boolean {
    const jump = this.#clock.now() - this.#clock.monotonic() - this.#offset;
    const jumped = Math.abs(jump) > TOLERANCE_MS;
    if (jumped !== this.#jumped) {
      this.#jumped = jumped;
      this.#report(jumped ? jump : 0);
    }
    return !jumped;
  }
}
