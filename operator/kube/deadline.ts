/** A bound for a request to somebody who may never answer. */
import type { Clock } from '../../mta/clock.ts';

/**
 * Rejects as `request` does; with an error that says so where `who` has not answered in time.
 *
 * @param request must end soon after its signal is aborted
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  who: string,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const cancel = clock.after(ms, () => abort.abort(new Error(`${who} has not answered for ${ms / 1000} s`)));
  try {
    return await request(abort.signal);
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    cancel();
  }
}
