/** Which of our addresses a connection is made from, where config wants one of a certain network. Pure. */
import { isIPv6 } from 'node:net';
import { networkList } from '../route/egress.ts';

/**
 * Undefined where there is none of the next hop's family in these networks.
 *
 * @param own addresses of this machine
 */
export function sourceAddress(
  networks: readonly string[],
  own: readonly string[],
  nextHop: string,
): string | undefined {
  const list = networkList(networks);
  const family = familyOf(nextHop);
  return own.find((address) => familyOf(address) === family && list.check(address, family));
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');
