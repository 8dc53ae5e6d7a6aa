/** Domain names and patterns as they are compared: lower-case A-labels. Pure. */
import { domainToASCII } from 'node:url';

/** Undefined for what no domain can be called. */
export function domainName(name: string): string | undefined {
  const lower = name.toLowerCase();
  // domainToASCII would read 1.2.3 as an IPv4 address: it gets to see only what needs it.
  const ascii = /^[ -~]*$/.test(lower) ? lower : domainToASCII(name);
  return ascii !== '' && ascii.length <= 253 && ascii.split('.').every(isLabel) ? ascii : undefined;
}

// RFC 1035 §2.3.1, and the underscore that the world uses all the same.
const isLabel = (label: string): boolean => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label);

/** `*`, `*.example.org` or `example.org` with the name in that form. */
export function domainPattern(pattern: string): string | undefined {
  if (pattern === '*') return pattern;
  if (!pattern.startsWith('*.')) return domainName(pattern);
  const below = domainName(pattern.slice(2));
  return below && `*.${below}`;
}

/** An address, or `*@domain`, with its domain in that form; the local part stays as it is. */
export function addressPattern(pattern: string): string | undefined {
  const at = pattern.lastIndexOf('@');
  const domain = domainName(pattern.slice(at + 1));
  return domain && `${pattern.slice(0, at)}@${domain}`;
}

export const domainOfAddress = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

/** Whether every name that `inner` matches is matched by `outer`: `*` ⊇ `*.a.example` ⊇ `b.a.example`. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.startsWith('*.') || inner === '*') return false;
  const name = inner.startsWith('*.') ? inner.slice(2) : inner;
  return name.endsWith(outer.slice(1));
}

/** Whether there may be a name that both match. */
export const overlap = (one: string, other: string): boolean => covers(one, other) || covers(other, one);

/**
 * How specific a pattern is, the smaller the more: a name, then wildcards by the number of their labels, then `*`.
 */
export function breadth(pattern: string): number {
  if (pattern === '*') return 1000;
  return pattern.startsWith('*.') ? 500 - pattern.split('.').length : 0;
}
