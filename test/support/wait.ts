/** Waiting for a state of the world, with a bound: no test sleeps and hopes. */

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Resolves with the first result of `condition` that is neither undefined nor false. A condition that throws is asked
 * again. Rejects after `timeoutMs` with `what` and the last failure.
 */
export async function waitFor<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 20_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > end) {
      throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: failure });
    }
    await sleep(everyMs);
  }
}
