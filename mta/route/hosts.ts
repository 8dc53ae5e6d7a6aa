/**
 * The static host table (`/etc/hosts`): for the names of relays and targets, which config wrote, never for MX hosts,
 * which the world wrote. Pure.
 */
import { isIP } from 'node:net';
import { normalizeDomain } from './patterns.ts';

/** Addresses by normalised name. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) {
      continue;
    }
    for (const name of names.map(normalizeDomain)) {
      const addresses = hosts.get(name) ?? [];
      hosts.set(name, addresses.includes(address) ? addresses : [...addresses, address]);
    }
  }
  // RFC 6761 §6.3: `localhost` is the loopback address whoever is asked.
  if (!hosts.has('localhost')) {
    hosts.set('localhost', ['127.0.0.1', '::1']);
  }
  return hosts;
}
