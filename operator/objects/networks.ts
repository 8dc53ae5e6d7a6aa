/** Networks as Kubernetes takes them: an address alone is one, to us. Pure. */
import { isIPv6 } from 'node:net';

export const withPrefix = (network: string): string =>
  network.includes('/') ? network : `${network}/${isIPv6(network) ? 128 : 32}`;
