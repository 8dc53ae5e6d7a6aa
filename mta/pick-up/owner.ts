/** Who fetches mail over a connection of their own, as a next hop: how that is secured was settled when it was made. */
import type { NextHop } from '../route/types.ts';

export interface Owner {
  /** As the owner's server called itself in EHLO. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

export function ownerHop({ host, address, port }: Owner): NextHop {
  const tls = { name: 'ATRN', mode: 'none', fallbackToClear: false, minVersion: 'TLSv1.2' } as const;
  return { host, address, port, protocol: 'smtp', implicitTls: false, tls: { ...tls, destinations: [] } };
}
