import type { Clock } from './clock.ts';

/** Waits for something, but no longer than `ms`; resolves with whether it came. Rejects as it does. */
export async function within(clock: Clock, ms: number, done: Promise<unknown>): Promise<boolean> {
  let cancel = () => {};
  const timeout = new Promise<boolean>((resolve) => {
    cancel = clock.after(ms, () => resolve(false));
  });
  try {
    return await Promise.race([done.then(() => true), timeout]);
  } finally {
    cancel();
  }
}
