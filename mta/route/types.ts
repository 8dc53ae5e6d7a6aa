/** Where mail goes: a destination is decided from config alone, its hosts are looked up when an attempt is due. */
import type { Domain, Relay, TlsPolicy } from '../config.ts';

/** `mx:example.org`, `literal:[192.0.2.1]`, `relay:namespace/name`, `domain:example.test`. */
export type DestinationKey = string;

export type Destination =
  | { readonly kind: 'mx'; readonly key: DestinationKey; readonly domain: string }
  | { readonly kind: 'literal'; readonly key: DestinationKey; readonly address: string }
  | { readonly kind: 'relay'; readonly key: DestinationKey; readonly relay: Relay }
  | { readonly kind: 'domain'; readonly key: DestinationKey; readonly domain: Domain };

/** What a webhook is asked for, besides where it is. */
export interface Webhook {
  /** Scheme, host and port: what it is called in logs and reports, as the rest of a URL may hold what is nobody's business. */
  readonly origin: string;
  /** For the Host field. */
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  /** Keys that requests are signed with (`signing-keys.ts`). */
  readonly keys: string;
}

/** One address to try, in the order in which they are to be tried. */
export interface NextHop {
  /** Name as MX or config gave it: for TLS names, logs and reports. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'smtp' | 'lmtp' | 'webhook';
  readonly implicitTls: boolean;
  readonly tls: TlsPolicy;
  readonly auth?: { readonly username: string; readonly password: string };
  /** Transactions of one connection, where a relay sets them; the fleet's number elsewhere. */
  readonly messagesPerConnection?: number;
  /** Where `protocol` is `webhook`, and only there. */
  readonly webhook?: Webhook;
  /** The target of a domain of ours: it is near us, and is reached from whatever address leads there. */
  readonly isOwnTarget?: true;
}

/** Whether what it has taken is at the end of its way: nobody will tell more of it. */
export const isStore = (hop: NextHop | undefined): boolean => hop !== undefined && hop.protocol !== 'smtp';
