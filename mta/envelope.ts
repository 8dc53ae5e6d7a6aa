/** What accompanies a message besides its content: the envelope of RFC 5321 §2.3.1, and what we know of its origin. */
import { domainToASCII } from 'node:url';

/** One RCPT of a transaction. The address is kept byte for byte as it was given (RFC 5321 §2.4). */
export interface Recipient {
  /** Mailbox without angle brackets: `Anna@Example.test`, `"a b"@example.test`. */
  readonly address: string;
  /** RFC 3461 §4.1: `NEVER`, or any of `SUCCESS`, `FAILURE`, `DELAY`; absent where the client gave none. */
  readonly notify?: readonly string[];
  /** RFC 3461 §4.2, as given: `rfc822;` and an address in xtext, which need not be this one. */
  readonly orcpt?: string;
}

/** Where a message was before, as the peer that has passed it on tells (XFORWARD). A member that is undefined is one that it doesn't know. */
export interface Forwarded {
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly protocol?: string | undefined;
  readonly helo?: string | undefined;
  /** The message's id at the peer. */
  readonly id?: string | undefined;
  /** Whether the peer had it from itself. */
  readonly source?: 'LOCAL' | 'REMOTE' | undefined;
}

/** Who handed the message to us. */
export interface Origin {
  /** Name of the listener, or `report` for a message of our own making. */
  readonly listener: string;
  readonly clientAddress?: string;
  /** Host name, where a peer that speaks for the client has told it. */
  readonly clientName?: string;
  readonly forwarded?: Forwarded;
  /** The argument of HELO, EHLO or LHLO. */
  readonly helo?: string;
  /** `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPSA`, `ESMTPA`, `LMTP` and its like (RFC 3848), each in UTF-8 too (RFC 6531 §4.3). */
  readonly protocol: string;
  /** Authenticated user name. */
  readonly user?: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly tls?: string;
  /** Of the certificate that the client has shown: its first DNS name, or its subject. */
  readonly certificate?: string;
}

/**
 * An envelope as it is stored with the message. A map that later versions extend: readers keep members that they
 * don't know. Times are milliseconds since the epoch.
 */
export interface Envelope {
  /** Reverse-path without angle brackets; empty is the null reverse-path. */
  readonly from: string;
  readonly recipients: readonly Recipient[];
  readonly arrivedAt: number;
  readonly origin: Origin;
  /** RFC 6152, RFC 3030. */
  readonly bodyType?: '7BIT' | '8BITMIME' | 'BINARYMIME';
  /** Whether the content has octets above 127: what decides if a next hop without 8BITMIME can have it. */
  readonly eightBit?: boolean;
  /** RFC 6531. */
  readonly smtputf8?: boolean;
  /** RFC 3461 §4.3 and §4.4; the id as given, in xtext. */
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
  /** RFC 8689: asked for with MAIL; or, by a field of its header, that it goes on even where what a recipient's domain asks for can't be had. */
  readonly requireTls?: boolean;
  readonly tlsOptional?: boolean;
  /** RFC 4954 §5, xtext-decoded. */
  readonly auth?: string;
  /** RFC 4865: not before this time; and what was asked for, as its §5.1.2 has it in reports: `for;3600`. */
  readonly holdUntil?: number;
  readonly holdRequest?: string;
  /** RFC 2852: not after this time; `return` or `notify` when it passes. */
  readonly deliverBy?: number;
  readonly deliverByMode?: 'return' | 'notify';
  /** Whether its sender wants to hear of each relaying. */
  readonly deliverByTrace?: boolean;
  /** RFC 6710, -9 to 9. */
  readonly priority?: number;
  /** The id under which the message was accepted, where a pod has handed it to us: as its Received field has it. */
  readonly firstId?: string;
  /** Namespace whose mail this is, where it is not the fleet's own. */
  readonly tenant?: string;
}

/** When it could be sent first: what its lifetime counts from. Ms since the epoch. */
export function sentAt({ arrivedAt, holdUntil }: Envelope): number {
  return Math.max(arrivedAt, holdUntil ?? 0);
}

/** Without the recipients at these places. */
export function withoutSome(envelope: Envelope, places: ReadonlySet<number> = NONE): Envelope {
  if (places.size === 0) return envelope;
  return { ...envelope, recipients: envelope.recipients.filter((_, place) => !places.has(place)) };
}

const NONE: ReadonlySet<number> = new Set();

/** The domain of a mailbox as it was written, or undefined for `postmaster` without one. */
export function domainOf(address: string): string | undefined {
  const at = address.lastIndexOf('@');
  return at < 0 ? undefined : address.slice(at + 1);
}

/** The local part of a mailbox, byte for byte, quotes included. */
export function localPartOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? address : address.slice(0, at);
}

/** The mailbox with its domain in A-labels (RFC 5890 §2.3.2.1). */
export function withAsciiDomain(address: string): string {
  const domain = domainOf(address);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is asked about
  if (domain === undefined || !/[^\u0000-\u007f]/.test(domain)) return address;
  return `${localPartOf(address)}@${domainToASCII(domain)}`;
}
