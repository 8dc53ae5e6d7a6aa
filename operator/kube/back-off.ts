/** How long to wait after failures in a row. Pure. */
import type { Random } from '../../mta/random.ts';

/** Ms: doubles with each failure up to the longest, of which half at least, so that not all come back at once. @param failures before this one */
export function backOff(
  { firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number },
  failures: number,
  random: Random,
): number {
  return Math.min(longestMs, firstMs * 2 ** failures) * (0.5 + random.fraction() / 2);
}
