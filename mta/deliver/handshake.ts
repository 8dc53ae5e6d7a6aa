/**
 * From a connected socket to a session that takes MAIL: greeting, EHLO (HELO, LHLO), TLS and AUTH are nodemailer's
 * SMTPConnection, with deadlines of our own. Rejects with an `SmtpError`: the next hop's reply where it gave one.
 * The underscored members are what nodemailer 10.6.0 has; its version is pinned for them.
 */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Clock } from '../clock.ts';
import type { Delivery } from '../config.ts';
import { SmtpError, smtpError } from '../errors.ts';
import type { NextHop } from '../route/types.ts';
import { Deadline } from './deadline.ts';
import { type Demand, isLoopback, serverNameOf } from './demand.ts';
import { checkPeer } from './peer-identity.ts';
import { ReplyReader, sanitize } from './reply.ts';
import { TlsFailure } from './tls-failure.ts';

/** How TLS is to be had on this connection. */
export interface HandshakeOptions {
  readonly hop: NextHop;
  /** Of who is at the other end; `clearText` also where STARTTLS is offered, and has failed before. */
  readonly demand: Demand;
  /** Our name, for EHLO. */
  readonly hostname: string;
  readonly timeouts: Delivery['timeouts'];
  readonly clock: Clock;
  /** Absent where there will be no TLS. */
  readonly secureContext?: SecureContext;
}

/** A connection that is ready for its first transaction, without listeners of anybody. */
export interface Greeted {
  readonly socket: Socket;
  /** Keywords of EHLO in upper case, with their parameters. */
  readonly extensions: ReadonlyMap<string, string>;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly tls: string | undefined;
}

interface NodemailerError extends Error {
  readonly code?: string;
  readonly response?: string;
}

type Listener = (...args: unknown[]) => void;

/** All that a next hop may say before the first transaction: a greeting, two replies to EHLO, and AUTH. */
const MOST_BYTES = 128 * 1024;

class Handshake extends SMTPConnection {
  declare _ehloLines: string[] | undefined;
  /** The reply to EHLO before STARTTLS, between that and its own reply. */
  declare _plaintextEhlo: string | undefined;
  declare _supportedAuth: string[];
  declare _remainder: string;
  declare _responseQueue: string[];
  declare _onSocketData: (chunk: Buffer) => void;
  declare _onResponseTooLarge: () => void;
  declare _onSocketError: Listener;
  declare _onSocketClose: Listener;
  declare _onSocketEnd: Listener;
  declare _onSocketTimeout: Listener;

  readonly #deadline: Deadline;
  readonly #timeouts: Delivery['timeouts'];
  #verb = '';
  /** STARTTLS was in the reply to EHLO: where TLS is needed it is asked for in any case. */
  offersTls = false;

  /** `fail` is told of what is no reply. */
  constructor(
    options: SMTPConnection.Options,
    deadline: Deadline,
    timeouts: Delivery['timeouts'],
    fail: (error: unknown) => void,
  ) {
    super(options);
    this.#deadline = deadline;
    this.#timeouts = timeouts;
    // nodemailer bounds one reply, but not how many, and takes any text for one: for a refusal of EHLO, after which it says HELO.
    const receive = this._onSocketData;
    const reader = new ReplyReader();
    let received = 0;
    this._onSocketData = (chunk) => {
      received += chunk.length;
      if (received > MOST_BYTES) {
        this._onResponseTooLarge();
        return;
      }
      try {
        for (const _ of reader.push(chunk));
      } catch (error) {
        fail(error);
        return;
      }
      receive(chunk);
    };
  }

  /** From STARTTLS on until TLS is there. */
  get isStartingTls(): boolean {
    return this.upgrading === true || this.#verb === 'STARTTLS';
  }

  /** nodemailer's phases (greeting, TLS) end by our clock. */
  _startPhase(_timeout: number, error: Error & { timeoutType?: string }): void {
    const tls = error.timeoutType === 'UPGRADE_TIMEOUT';
    this.#deadline.set(tls ? this.#timeouts.command : this.#timeouts.greeting, tls ? 'TLS' : 'the greeting');
  }

  _clearPhase(): void {
    // The constructor of the base class may come here before our own has run.
    if (#deadline in this) {
      this.#deadline.clear();
    }
  }

  _sendCommand(command: string): void {
    this.#verb = /^[A-Z]{4,8}\b/.exec(command)?.[0] ?? 'AUTH';
    if (this.#verb === 'STARTTLS') this.offersTls = /[ -]STARTTLS\b/im.test(this._plaintextEhlo ?? '');
    this.#deadline.set(this.#timeouts.command, `the reply to ${this.#verb}`);
    (this._socket as Socket).write(`${command}\r\n`);
  }

  /** Takes the socket back from nodemailer; undefined where the peer has already said more than it was asked. */
  detach(): Socket | undefined {
    const socket = this._socket as Socket;
    socket.removeListener('data', this._onSocketData);
    socket.removeListener('error', this._onSocketError);
    socket.removeListener('close', this._onSocketClose);
    socket.removeListener('end', this._onSocketEnd);
    socket.removeListener('timeout', this._onSocketTimeout);
    socket.setTimeout(0);
    return this._remainder === '' && this._responseQueue.length === 0 ? socket : undefined;
  }
}

/** The socket is destroyed when this rejects. `TlsFailure` where another try in clear text may be allowed. */
export async function handshake(raw: Socket, options: HandshakeOptions): Promise<Greeted> {
  const { hop, demand, clock, timeouts } = options;
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const deadline = new Deadline(clock, (what) =>
    reject(smtpError('nextHopTimeout', { detail: `waiting for ${what}`, closes: true })),
  );
  const connection = new Handshake(nodemailerOptions(raw, options), deadline, timeouts, reject);
  const lost = (): void =>
    reject(smtpError('connectionLost', { detail: 'before the session began', closes: true }));
  connection.on('error', reject);
  // nodemailer listens one turn later, and what closes before then would never be heard of.
  raw.once('close', lost);
  try {
    await Promise.race([connected(connection), failed]);
    checkPeer(connection._socket as Socket, hop.host, demand, clock.now());
    await authenticate(connection, hop, failed);
    const socket = connection.detach();
    if (socket === undefined) {
      throw smtpError('garbageReply', { detail: 'a reply to nothing', closes: true });
    }
    const [extensions, tls] = [extensionsOf(connection._ehloLines ?? []), describeTls(socket)];
    // RFC 8689 §2: it means nothing but within TLS.
    if (tls === undefined) extensions.delete('REQUIRETLS');
    return { socket, extensions, tls };
  } catch (error) {
    const { isStartingTls } = connection;
    raw.destroy();
    throw translate(error, hop, { isStartingTls, offersTls: hop.implicitTls || connection.offersTls });
  } finally {
    deadline.end();
    raw.removeListener('close', lost);
    failed.catch(() => undefined);
  }
}

function nodemailerOptions(raw: Socket, options: HandshakeOptions): SMTPConnection.Options {
  const { hop, demand } = options;
  const servername = serverNameOf(hop);
  return {
    connection: raw,
    host: hop.host,
    port: hop.port,
    secure: hop.implicitTls,
    lmtp: hop.protocol === 'lmtp',
    name: options.hostname,
    logger: false,
    ignoreTLS: demand.asks === 'clearText',
    requireTLS: demand.asks !== 'clearText' && demand.asks !== 'whatIsOffered',
    tls: {
      ...(options.secureContext === undefined ? {} : { secureContext: options.secureContext }),
      // Who it is, is looked at when the handshake is over, by the policy: `checkPeer`.
      rejectUnauthorized: false,
      ...(servername !== undefined && { servername }),
    },
  };
}

function connected(connection: Handshake): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve()));
  });
}

async function authenticate(connection: Handshake, hop: NextHop, failed: Promise<never>): Promise<void> {
  if (hop.auth === undefined) {
    return;
  }
  if (!connection.secure && !isLoopback(hop.address)) {
    throw smtpError('relayAuthFailed', {
      detail: `${hop.host}: no password is sent without TLS`,
      closes: true,
    });
  }
  const method = ['PLAIN', 'LOGIN'].find((mechanism) => connection._supportedAuth.includes(mechanism));
  if (method === undefined) {
    throw smtpError('relayAuthFailed', {
      detail: `${hop.host} offers neither AUTH PLAIN nor LOGIN`,
      closes: true,
    });
  }
  const { username, password } = hop.auth;
  const login = new Promise<void>((resolve, reject) => {
    connection.login({ method, user: username, pass: password }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
  try {
    await Promise.race([login, failed]);
  } catch (error) {
    const { code, response } = error as NodemailerError;
    // A wrong password is mended in config: it never bounces mail.
    throw code === 'EAUTH' && response !== undefined
      ? smtpError('relayAuthFailed', {
          detail: `${hop.host} said ${sanitize(response)}`,
          remote: hop.host,
          closes: true,
          cause: error,
        })
      : error;
  }
}

function extensionsOf(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.map((line) => {
      const space = line.search(/[ =]/);
      return space < 0
        ? [line.toUpperCase(), '']
        : [line.slice(0, space).toUpperCase(), line.slice(space + 1)];
    }),
  );
}

/** `TLSv1.3 TLS_AES_256_GCM_SHA384`, or undefined in clear text. */
export function describeTls(socket: Socket): string | undefined {
  return socket instanceof TLSSocket
    ? `${socket.getProtocol()} ${socket.getCipher().standardName}`
    : undefined;
}

/** `tlsv1 alert protocol version` of OpenSSL's `407D5042:error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version:../deps/…`; all of another message. */
const reasonIn = (message: string): string =>
  /:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(message)?.[1] ?? message;

/** nodemailer's errors, and Node's, as entries of the catalogue. */
function translate(
  error: unknown,
  hop: NextHop,
  { isStartingTls, offersTls }: { readonly isStartingTls: boolean; readonly offersTls: boolean },
): Error {
  const { code, response, message } = error as NodemailerError;
  if (error instanceof TlsFailure) return error;
  if (isStartingTls || code === 'ETLS') {
    const fault = offersTls ? 'validation-failure' : 'starttls-not-supported';
    return new TlsFailure(fault, sanitize(response ?? reasonIn(message)), { cause: error });
  }
  if (error instanceof SmtpError) {
    return error;
  }
  if (response !== undefined) {
    return refusal(response, hop, error);
  }
  return code === 'EPROTOCOL'
    ? smtpError('garbageReply', { detail: sanitize(message), closes: true, cause: error })
    : smtpError('connectionLost', { detail: sanitize(message), closes: true, cause: error });
}

function refusal(response: string, hop: NextHop, cause: unknown): SmtpError {
  try {
    const [reply] = new ReplyReader().push(Buffer.from(`${response.replace(/\n/g, '\r\n')}\r\n`));
    // RFC 2033 §4.1: who doesn't know LHLO speaks no LMTP. That is mended in config, and bounces no mail.
    if (hop.protocol === 'lmtp' && (reply?.code === 500 || reply?.code === 502)) {
      const detail = `${hop.host} speaks no LMTP: it said ${sanitize(response, 200)}`;
      return smtpError('notConfigured', { detail, closes: true, cause });
    }
    if (reply !== undefined && reply.code >= 400) {
      return new SmtpError(reply.code, reply.enhanced, reply.text, {
        blame: 'nextHop',
        remote: hop.host,
        closes: true,
        cause,
      });
    }
  } catch {
    // What nodemailer took for a reply is none.
  }
  return smtpError('garbageReply', { detail: sanitize(response, 200), closes: true, cause });
}
