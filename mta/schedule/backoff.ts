/** When to try again (RFC 5321 §4.5.4.1): pure arithmetic over the retry schedule. */
import type { Delivery } from '../config.ts';

/**
 * Wait before the next try, in ms.
 *
 * @param attempts how many have been made, at least 1
 * @param fraction in [0, 1): spreads waits over ±`jitter`, so that mail deferred together isn't retried together
 * @param askedMs what the other side asked for: heeded where it is longer, and no longer than any wait may be
 */
export function retryDelay(
  retry: Delivery['retry'],
  attempts: number,
  fraction: number,
  askedMs = 0,
): number {
  // The exponent is bounded, as an old message may have more attempts than a double can take.
  const growth = retry.factor ** Math.min(attempts - 1, 64);
  const seconds = Math.min(retry.initialSeconds * growth, retry.maxSeconds);
  const own = Math.round(seconds * 1000 * (1 + retry.jitter * (2 * fraction - 1)));
  return Math.max(own, Math.min(askedMs, longestDelay(retry)));
}

/** The longest that `retryDelay` ever says, in ms. */
export function longestDelay({ maxSeconds, jitter }: Delivery['retry']): number {
  return maxSeconds * 1000 * (1 + jitter);
}

/** When a message must have ended, in ms since the epoch. */
export function expiryOf(
  delivery: Delivery,
  message: { readonly from: string; readonly arrivedAt: number },
): number {
  const seconds = message.from === '' ? delivery.bounceLifetimeSeconds : delivery.lifetimeSeconds;
  return message.arrivedAt + seconds * 1000;
}
