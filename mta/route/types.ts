/** Where mail goes: a destination is decided from config alone, its hosts are looked up when an attempt is due. */
import type { Domain, Relay, TlsPolicy } from '../config.ts';
import type { TlsaRecord } from './dns-answer.ts';
import type { StsPolicy } from './sts/policy.ts';
import type { TlsWish } from './wish.ts';

/** `mx:example.org`, `literal:[192.0.2.1]`, `relay:namespace/name`, `domain:example.test`, `tls-rpt:example.test`. */
export type DestinationKey = string;

export type Destination =
  | { readonly kind: 'mx'; readonly key: DestinationKey; readonly domain: string }
  | { readonly kind: 'literal'; readonly key: DestinationKey; readonly address: string }
  | { readonly kind: 'relay'; readonly key: DestinationKey; readonly relay: Relay }
  | { readonly kind: 'domain'; readonly key: DestinationKey; readonly domain: Domain }
  /** The mailbox for TLS reports of a domain of ours: it ends here. */
  | { readonly kind: 'tlsRpt'; readonly key: DestinationKey; readonly domain: Domain };

/** One with hosts. */
export type OutwardDestination = Exclude<Destination, { kind: 'tlsRpt' }>;

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

/** What DNSSEC says of who a host is (`dane.ts`). */
export interface Dane {
  /** Whether the host is the one that mail for the destination belongs to: named by config, by the address, or by secure MX records. */
  readonly isNamedSecurely: boolean;
  readonly tlsa:
    | {
        readonly status: 'found';
        /** The TLSA base domain: the name in SNI, and the first of `references` (RFC 7672 §8.1). */
        readonly baseDomain: string;
        /** Not empty; none of them may be usable. */
        readonly records: readonly TlsaRecord[];
        /** Names that a certificate may be for, where a record asks for one (RFC 7672 §3.2.2). */
        readonly references: readonly string[];
      }
    /** It is known that there are none, or that none of them is secure. */
    | { readonly status: 'none'; readonly why: string }
    /** Nobody can say: SERVFAIL, which bogus signatures lead to, or silence. */
    | { readonly status: 'failed'; readonly why: string };
}

/** What the MTA-STS policy of a domain says of a host (RFC 8461 §4). */
export interface Sts {
  /** The Policy Domain. */
  readonly domain: string;
  readonly mode: 'enforce' | 'testing';
  /** Whether one of its patterns matches the host. */
  readonly lists: boolean;
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
  /** What is wished for this one message (RFC 8689). */
  readonly wish?: TlsWish;
  /** Of a host of a domain with an MTA-STS policy that is enforced or tested, where `tls` asks for it. */
  readonly sts?: Sts;
  /** The whole of it, for reports; where there is `sts`. */
  readonly stsPolicy?: StsPolicy;
  /**
   * Domain whose MX records name the host, in A-labels and lower case: who may ask for reports of TLS with it (RFC 8460 §3). Undefined for
   * mail that goes without regard to what domains ask for, such as reports themselves.
   */
  readonly mxOf?: string;
  /** Where `tls` asks for it. What that, `sts` and `tls` come to is `demandOf`'s to say. */
  readonly dane?: Dane;
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
