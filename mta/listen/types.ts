/** What a listener asks of the flow while a client speaks: every answer is yes, or an `SmtpError` that is thrown. */
import type { Duplex } from 'node:stream';
import type { Listener } from '../config.ts';
import type { Forwarded, Recipient } from '../envelope.ts';
import type { ClientCertificate } from './client-certificate.ts';
import type { DeliverBy } from './deliver-by.ts';
import type { HoldRequest } from './future-release.ts';

/** The client side of a session, as far as it is known at the moment. */
export interface Client {
  /** Unique in this process: for the log. */
  readonly session: string;
  readonly listener: Listener;
  /** Undefined where a peer speaks for the client and doesn't know it. */
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** Host name, where a peer that speaks for the client has told it. */
  readonly name: string | undefined;
  /** Argument of the last HELO, EHLO or LHLO. */
  readonly helo: string | undefined;
  /** RFC 3848: `SMTP`; `ESMTP`, `ESMTPS`, `ESMTPA`, `ESMTPSA`; `LMTP` and its like. */
  readonly protocol: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly tls: string | undefined;
  /** What it has shown in TLS; undefined where it was not asked, and where a peer speaks for it. */
  readonly certificate: ClientCertificate | undefined;
  /** Who has authenticated. */
  readonly user: string | undefined;
  /** Where the next message came from before, where a peer has told it: for the log alone. */
  readonly forwarded: Forwarded | undefined;
}

/** A MAIL command whose syntax is right and whose parameters are all known. */
export interface Mail {
  /** Reverse-path without brackets, byte for byte; empty for the null reverse-path. */
  readonly from: string;
  /** SIZE= as declared (RFC 1870). */
  readonly declaredSize?: number;
  readonly bodyType?: '7BIT' | '8BITMIME' | 'BINARYMIME';
  /** AUTH= decoded (RFC 4954 §5). */
  readonly auth?: string;
  /** RFC 6531 §3.4: its addresses and its header may be in UTF-8. */
  readonly smtputf8?: boolean;
  /** RFC 3461 §4.3 and §4.4; the id as given, in xtext. */
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
  /** RFC 4865: when it may be sent. */
  readonly hold?: HoldRequest;
  /** RFC 2852: by when it is to be delivered. */
  readonly deliverBy?: DeliverBy;
  /** RFC 6710, -9 to 9. */
  readonly priority?: number;
  /** RFC 8689: nobody on its way may read it. */
  readonly requireTls?: boolean;
}

/** Receives the content of one message: unstuffed, every line checked to end in CRLF. */
export interface ContentSink {
  /** The largest content that is taken for each recipient, in bytes, in their order; else it is refused with 552 5.3.4. */
  readonly limits?: readonly number[];
  /** A promise where the client has to be slowed down. */
  write(chunk: Buffer): Promise<void> | undefined;
  /**
   * After the final dot: resolves with the text after `250 2.0.0` once the message is durable.
   *
   * @param without recipients for whom it is refused, by their place; never all of them
   */
  commit(without?: ReadonlySet<number>): Promise<string>;
  /** The client went away, or the content was refused by the listener. Safe at any time. */
  abort(): void;
}

/** What the owners of held mail ask for. */
export interface PickUp {
  /** Whether there is anything that this client may ask for by ETRN. */
  offersEtrn(client: Client): boolean;
  /** ETRN (RFC 1985): resolves with the reply's code and text once what waits is on its way. */
  etrn(client: Client, node: string): Promise<readonly [code: number, text: string]>;
  /**
   * ATRN (RFC 2645): resolves where mail waits for this user, with what the connection is then given to. No domain is all
   * that are the user's.
   */
  atrn(client: Client, domains: readonly string[]): Promise<(socket: Duplex) => void>;
}

/** The accepting half of the flow. Each method throws or rejects with an `SmtpError` to refuse. */
export interface Acceptor {
  /** At connect, before the greeting. */
  connect(client: Client): void;
  /** Resolves with the user's name. */
  authenticate(client: Client, username: string, password: string): Promise<string>;
  /** The mail as it is taken: with the priority that it gets, where it asks for one. */
  mail(client: Client, mail: Mail): Mail;
  /** `mail` is the accepted MAIL, `accepted` the recipients taken so far. */
  recipient(client: Client, mail: Mail, recipient: Recipient, accepted: readonly Recipient[]): void;
  readonly pickUp: PickUp;
  /** DATA, before 354: where storage is short this is where 452 is said. */
  content(client: Client, mail: Mail, recipients: readonly Recipient[]): ContentSink;
}
