/** Where mail goes: a destination is decided from config alone, its hosts are looked up when an attempt is due. */
import type { Domain, Relay, TlsPolicy } from '../config.ts';

/** `mx:example.org`, `literal:[192.0.2.1]`, `relay:namespace/name`, `domain:example.test`. */
export type DestinationKey = string;

export type Destination =
  | { readonly kind: 'mx'; readonly key: DestinationKey; readonly domain: string }
  | { readonly kind: 'literal'; readonly key: DestinationKey; readonly address: string }
  | { readonly kind: 'relay'; readonly key: DestinationKey; readonly relay: Relay }
  | { readonly kind: 'domain'; readonly key: DestinationKey; readonly domain: Domain };

/** One address to try, in the order in which they are to be tried. */
export interface NextHop {
  /** Name as MX or config gave it: for TLS names, logs and reports. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'smtp' | 'lmtp';
  readonly implicitTls: boolean;
  readonly tls: TlsPolicy;
  readonly auth?: { readonly username: string; readonly password: string };
  /** Transactions of one connection, where a relay sets them; the fleet's number elsewhere. */
  readonly messagesPerConnection?: number;
  /** The target of a domain of ours: it is near us, and is reached from whatever address leads there. */
  readonly isOwnTarget?: true;
}
