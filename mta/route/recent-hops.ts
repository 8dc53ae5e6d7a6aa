/**
 * Remembers for a moment where a destination's mail goes, while there is only one way: a burst to one smart host looks
 * it up once a second, not once a message. Where there is a choice every attempt makes its own, as weights and equal
 * preferences ask (RFC 5321 §5.1). Failures are not remembered.
 */
import type { Clock } from '../clock.ts';
import { type HopContext, resolveHops } from './hops.ts';
import type { DestinationKey, NextHop, OutwardDestination } from './types.ts';
import type { TlsWish } from './wish.ts';

type Resolve = (destination: OutwardDestination) => Promise<readonly NextHop[]>;

const REMEMBERED_MS = 1000;
/** Then all are forgotten, which costs a lookup each. */
const MOST = 1000;

/** As `resolve`, which is asked where nothing is remembered. To be made anew with each config. */
export function recentHops(resolve: Resolve, clock: Pick<Clock, 'monotonic'>): Resolve {
  const known = new Map<DestinationKey, { readonly until: number; readonly hops: readonly NextHop[] }>();
  return async (destination) => {
    const now = clock.monotonic();
    const recent = known.get(destination.key);
    if (recent !== undefined && now < recent.until) return recent.hops;
    const hops = await resolve(destination);
    if (hops.length === 1) {
      if (known.size >= MOST) known.clear();
      known.set(destination.key, { until: now + REMEMBERED_MS, hops });
    }
    return hops;
  };
}

/** By what is wished for of a message: what is looked up for one kind says nothing for another. To be made anew with each config. */
export function hopsByWish(
  context: HopContext,
  clock: Pick<Clock, 'monotonic'>,
): (destination: OutwardDestination, wish?: TlsWish) => Promise<readonly NextHop[]> {
  const lookup = (by: HopContext): Resolve =>
    recentHops((destination) => resolveHops(destination, by), clock);
  const usual = lookup(context);
  const wished = {
    required: lookup({ ...context, wish: 'required' }),
    optional: lookup({ ...context, wish: 'optional' }),
  };
  return (destination, wish) => (wish === undefined ? usual : wished[wish])(destination);
}
