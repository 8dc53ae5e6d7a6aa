/** Keeping a lease while nothing is written. */
import { PostriderError } from '../errors.ts';
import type { LaneContext } from './context.ts';
import type { Lease } from './lease.ts';

/**
 * Renews whenever a quarter of a term has gone by without; the result ends it. `lost` hears of a failure once: a renewal
 * that has not come back for a term is one, as a disk that doesn't answer must not keep clients waiting.
 */
export function renewRegularly(
  { clock, config, stats }: Pick<LaneContext, 'clock' | 'config' | 'stats'>,
  lease: Lease,
  lost: (cause: unknown) => void,
): () => void {
  const termMs = config.leaseTermSeconds * 1000;
  const quarter = termMs / 4;
  let stopped = false;
  let cancel: () => void = () => undefined;
  const plan = (): void => {
    const wait = Math.max(1, lease.renewedAt + quarter - clock.monotonic());
    cancel = clock.after(wait, () => void tick());
  };
  const tick = async (): Promise<void> => {
    if (stopped) return;
    const cancelLate = clock.after(termMs, () => {
      if (!stopped) lost(new PostriderError('LaneLost', 'the lease could not be renewed for a term'));
    });
    try {
      if (clock.monotonic() - lease.renewedAt >= quarter) {
        await lease.renew();
        stats.renewals += 1;
      }
      if (!stopped) plan();
    } catch (error) {
      if (!stopped) lost(error);
    } finally {
      cancelLate();
    }
  };
  plan();
  return () => {
    stopped = true;
    cancel();
  };
}
