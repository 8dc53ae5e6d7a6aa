/** Who may ask the control port: the bearer of the token, by a name that can only mean this machine. Pure. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** Compares in a time that tells nothing of the token. RFC 6750 §2.1; an empty token lets nobody in. */
export function isAuthorized(authorization: string | undefined, token: string): boolean {
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const same = timingSafeEqual(digest(given ?? ''), digest(token));
  return same && given !== undefined && token !== '';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Whether the Host header names loopback, or the address that is listened on, with its port. A browser that was led
 * here by somebody's DNS sends that somebody's name.
 */
export function isOurHost(host: string | undefined, address: string, port: number): boolean {
  const names = ['localhost', '127.0.0.1', '[::1]', isIPv6(address) ? `[${address}]` : address];
  const asked = host?.toLowerCase();
  return names.some((name) => asked === `${name}:${port}` || (port === 80 && asked === name));
}
