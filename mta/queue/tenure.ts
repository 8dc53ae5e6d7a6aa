/** Keeping a lease while nothing is written. */
import type { LaneContext } from './context.ts';
import type { Lease } from './lease.ts';

/** Renews whenever a quarter of a term has gone by without; the result ends it. `lost` hears of a failure once. */
export function renewRegularly(
  { clock, config, stats }: Pick<LaneContext, 'clock' | 'config' | 'stats'>,
  lease: Lease,
  lost: (cause: unknown) => void,
): () => void {
  const quarter = config.leaseTermSeconds * 250;
  let stopped = false;
  let cancel: () => void = () => undefined;
  const plan = (): void => {
    const wait = Math.max(1, lease.renewedAt + quarter - clock.monotonic());
    cancel = clock.after(wait, () => void tick());
  };
  const tick = async (): Promise<void> => {
    if (stopped) return;
    try {
      if (clock.monotonic() - lease.renewedAt >= quarter) {
        await lease.renew();
        stats.renewals += 1;
      }
      if (!stopped) plan();
    } catch (error) {
      if (!stopped) lost(error);
    }
  };
  plan();
  return () => {
    stopped = true;
    cancel();
  };
}
