/** Whether a next hop is this very server: by its name, or by an address and port that we listen on. Pure. */
import { isIPv6, SocketAddress } from 'node:net';
import type { MtaConfig } from '../config.ts';
import { isHeloName } from '../helo.ts';
import { normalizeDomain } from './patterns.ts';

export interface Ourselves {
  /** Whether an MX host is a name of ours (RFC 5321 §5.1). */
  hostname(host: string): boolean;
  endpoint(address: string, port: number): boolean;
}

/** `interfaces` are the addresses of this machine: what a listener on `0.0.0.0` or `::` answers at. */
export function compileOurselves(config: MtaConfig, interfaces: readonly string[]): Ourselves {
  const names = new Set(
    [config.fleet.hostname, ...config.listeners.flatMap((listener) => listener.hostname ?? [])].map(
      normalizeDomain,
    ),
  );
  const endpoints = new Set<string>();
  for (const { address, port } of config.listeners) {
    const wildcard = address === '::' || address === '0.0.0.0';
    for (const own of wildcard ? [address, ...interfaces] : [address]) {
      endpoints.add(`${canonical(own)}|${port}`);
    }
  }
  return {
    hostname(host) {
      const name = normalizeDomain(host);
      return names.has(name) || isHeloName(config, name);
    },
    endpoint: (address, port) => endpoints.has(`${canonical(address)}|${port}`),
  };
}

/** One spelling of an address, however a recipient or a record of DNS writes it. */
function canonical(address: string): string {
  if (!isIPv6(address)) return address;
  const bare = new SocketAddress({ address: address.replace(/%.*/, ''), family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1] ?? bare;
}
