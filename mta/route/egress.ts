/**
 * Which addresses a next hop may have. Names lead where their owner wants, so the check comes after resolution:
 * loopback, link-local, metadata, private and other special addresses (RFC 6890 §2.2) are for resources that are
 * trusted, or for networks in `egress.allow`. Pure.
 */
import { BlockList, isIPv6 } from 'node:net';

/** `10.0.0.0/8`, `::1/128`, or a bare address; what isn't one of these is refused by config's schema. */
export function networkList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address, prefix] = cidr.split('/') as [string, string?];
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  }
  return list;
}

/** Nobody knows where an address is that isn't there. */
export function contains(networks: BlockList | undefined, address: string | undefined): boolean {
  if (networks === undefined || address === undefined) return false;
  return networks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

const SPECIAL_V4 = [
  '0.0.0.0/8', // this network (RFC 1122 §3.2.1.3)
  '10.0.0.0/8', // private (RFC 1918 §3)
  '100.64.0.0/10', // shared address space, used for clusters (RFC 6598 §7)
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, and the metadata service of clouds
  '172.16.0.0/12',
  '192.0.0.0/24', // protocol assignments
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks (RFC 2544), used for clusters
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and the broadcast address
];
const SPECIAL_V6 = [
  '::/96', // unspecified, loopback, and the deprecated IPv4-compatible addresses
  'fc00::/7', // unique local (RFC 4193 §3.1)
  'fe80::/10', // link-local
  'fec0::/10', // site-local, deprecated
  'ff00::/8', // multicast
  '2002::/16', // 6to4 embeds any IPv4 address
  '64:ff9b:1::/48', // NAT64 of one's own network embeds any, at an offset that only it knows
  '::ffff:0:0:0/96', // IPv4-translated: embeds any
];

// NAT64 (RFC 6052 §2.1) reaches what its IPv4 address reaches; BlockList sees through IPv4-mapped ones by itself.
const nat64 = SPECIAL_V4.map((cidr) => {
  const [address, prefix] = cidr.split('/') as [string, string];
  return `64:ff9b::${address}/${96 + Number(prefix)}`;
});

const special = networkList([...SPECIAL_V4, ...SPECIAL_V6, ...nat64]);

/** Decides about addresses that have been resolved. */
export type EgressCheck = (address: string, trusted: boolean) => boolean;

export function compileEgress(allow: readonly string[]): EgressCheck {
  const allowed = networkList(allow);
  return (address, trusted) => {
    if (trusted) {
      return true;
    }
    return !contains(special, address) || contains(allowed, address);
  };
}
