/** Keeping a lease while nothing is written. */
import { PostriderError } from '../errors.ts';
import type { LaneContext } from './context.ts';
import type { Lease } from './lease.ts';

/** Terms: a disk that is only slow, or a server that starts again, may take long. */
const LONGEST_WRITE = 6;

/** Who works with the lease. */
export interface Holder {
  /** Monotonic ms at which the write that is under way was begun; undefined where there is none. */
  readonly writingSince: number | undefined;
  /** It is not ours any more, or of no use to us. */
  lose(cause: unknown): void;
}

/**
 * Renews whenever a quarter of a term has gone by without; the result ends it. The holder hears of a failure: a renewal
 * that has not come back for a term is one, as a disk that doesn't answer must not keep clients waiting. So is a write
 * that has not for six, though renewals do: an owner that can't write serves nobody, and keeps the lane from those who can.
 */
export function renewRegularly(
  { clock, config, stats }: Pick<LaneContext, 'clock' | 'config' | 'stats'>,
  lease: Lease,
  holder: Holder,
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
    if (clock.monotonic() - (holder.writingSince ?? Number.POSITIVE_INFINITY) >= LONGEST_WRITE * termMs) {
      holder.lose(new PostriderError('LaneLost', `a write has not ended for ${LONGEST_WRITE} terms`));
      return;
    }
    const cancelLate = clock.after(termMs, () => {
      if (!stopped) holder.lose(new PostriderError('LaneLost', 'the lease could not be renewed for a term'));
    });
    try {
      if (clock.monotonic() - lease.renewedAt >= quarter) {
        await lease.renew();
        stats.renewals += 1;
      }
      if (!stopped) plan();
    } catch (error) {
      if (!stopped) holder.lose(error);
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
