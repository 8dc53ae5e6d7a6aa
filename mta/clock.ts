/** Time as a parameter, so that tests and the simulation can own it. */
export interface Clock {
  /** Wall clock, ms since the epoch: for what is stored and shown. */
  now(): number;
  /** Monotonic ms: for waiting and for measuring. */
  monotonic(): number;
  /** Calls back once after `ms`; the result cancels it. Never keeps the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back in the next turn of the event loop, when what the operating system had for us has been heard. */
  soon(callback: () => void): void;
}

// setTimeout fires at once for a longer wait than this.
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, LONGEST_TIMEOUT)).unref();
    return () => clearTimeout(timer);
  },
  soon: (callback) => void setImmediate(callback),
};

/** One turn of the event loop. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
