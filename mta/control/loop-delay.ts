/** For how long one thing keeps the event loop, and with it everything else, waiting. */
import type { Clock } from '../clock.ts';

/** Between two looks: what is shorter isn't seen. */
const LOOK_MS = 10;

/** Watches from now on. The result tells the longest wait in seconds since it was last asked. */
export function watchLoopDelay(clock: Pick<Clock, 'monotonic' | 'after'>): () => number {
  let last = clock.monotonic();
  let longest = 0;
  const look = (): void => {
    const now = clock.monotonic();
    longest = Math.max(longest, now - last - LOOK_MS);
    last = now;
  };
  const again = (): void => {
    look();
    clock.after(LOOK_MS, again);
  };
  again();
  return () => {
    look();
    const found = longest;
    longest = 0;
    return found / 1000;
  };
}
