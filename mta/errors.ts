/**
 * The one catalogue of errors. A failure of SMTP is an `SmtpError`: the reply that a client gets, or got from a next
 * hop, with its enhanced code (RFC 3463), whether trying again can help, and whose fault it is. Anything else that
 * the program refuses is a `PostriderError` with a code from this file and a message that says what to do.
 */

/** Who has to act: the client that speaks to us, we ourselves, the next hop, or whoever configured us. */
export type Blame = 'client' | 'us' | 'nextHop' | 'config';

export class SmtpError extends Error {
  override readonly name = 'SmtpError';
  /** Three-digit reply code (RFC 5321 §4.2). */
  readonly code: number;
  /** `4.3.1` (RFC 3463). */
  readonly enhanced: string;
  readonly blame: Blame;
  /** The host that said it, where it was not us. */
  readonly remote: string | undefined;
  /** The whole transaction is over and the connection must be closed (421, a lost connection). */
  readonly closes: boolean;
  /** The final dot was sent and no reply came: the next hop may have taken the message. */
  readonly uncertain: boolean;
  /** Seconds after which the next hop wants to be asked again, where it said so. */
  readonly retryAfter: number | undefined;

  constructor(
    code: number,
    enhanced: string,
    text: string,
    more: {
      blame?: Blame;
      remote?: string;
      closes?: boolean;
      uncertain?: boolean;
      retryAfter?: number;
      cause?: unknown;
    } = {},
  ) {
    super(text, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.enhanced = enhanced;
    this.blame = more.blame ?? 'client';
    this.remote = more.remote;
    this.closes = more.closes ?? code === 421;
    this.uncertain = more.uncertain ?? false;
    this.retryAfter = more.retryAfter;
  }

  /** Whether the same attempt may succeed later (RFC 5321 §4.2.1). */
  get temporary(): boolean {
    return this.code < 500;
  }

  /** `452 4.3.1 Insufficient system storage`. */
  get reply(): string {
    return `${this.code} ${this.enhanced} ${this.message}`;
  }
}

type Entry = readonly [code: number, enhanced: string, text: string, blame: Blame];

/** Every reply of ours that refuses something. Sources stand beside each. */
const replies = {
  // RFC 5321 §4.2.2, RFC 3463 §3.8, RFC 5248
  serviceShutdown: [421, '4.3.2', 'Service is going down, try again later', 'us'],
  tooManyConnections: [421, '4.7.0', 'Too many connections from your address', 'client'],
  serverBusy: [421, '4.3.2', 'Too many connections, try again later', 'us'],
  tooManyErrors: [421, '4.7.0', 'Too many errors', 'client'],
  tooManyCommands: [421, '4.7.0', 'Too many commands without a message', 'client'],
  tooManyTransactions: [421, '4.7.0', 'Too many transactions on one connection', 'client'],
  sessionTooLong: [421, '4.7.0', 'This session has lasted too long', 'client'],
  sessionTooLarge: [421, '4.7.0', 'This session has sent too much', 'client'],
  tooSlow: [421, '4.4.2', 'Data is arriving too slowly', 'client'],
  idleTimeout: [421, '4.4.2', 'Timeout waiting for a command', 'client'],
  syntax: [500, '5.5.2', 'Command not recognised', 'client'],
  lineTooLong: [500, '5.5.2', 'Line too long', 'client'],
  badArguments: [501, '5.5.4', 'Syntax error in parameters', 'client'],
  badSequence: [503, '5.5.1', 'Bad sequence of commands', 'client'],
  notImplemented: [502, '5.5.1', 'Command not implemented', 'client'],
  unknownParameter: [555, '5.5.4', 'MAIL or RCPT parameter not recognised', 'client'],
  bareNewline: [521, '5.5.2', 'Lines must end in CRLF: bare CR or LF is not accepted', 'client'],
  notCanonical: [554, '5.6.0', 'Content has a bare CR or LF: send lines that end in CRLF', 'client'],
  badProxyHeader: [421, '4.7.0', 'No PROXY header from a load balancer', 'config'],
  handshakeFailed: [421, '4.7.0', 'TLS handshake failed', 'client'],
  tlsRequired: [530, '5.7.0', 'Must issue a STARTTLS command first', 'client'],
  authRequired: [530, '5.7.0', 'Authentication required', 'client'],
  // RFC 3207 §4.1
  certificateRequired: [554, '5.7.0', 'Command refused due to lack of security', 'client'],
  notTrusted: [550, '5.7.0', 'This command is not for you', 'client'],
  authInvalid: [535, '5.7.8', 'Authentication credentials invalid', 'client'],
  authTooWeak: [538, '5.7.11', 'Encryption required for the requested mechanism', 'client'],
  // RFC 4954 §4, §6
  authMechanism: [504, '5.5.4', 'Unrecognised authentication mechanism', 'client'],
  authCancelled: [501, '5.7.0', 'Authentication cancelled', 'client'],
  authUndecodable: [501, '5.5.2', 'Cannot decode the response', 'client'],
  authLineTooLong: [500, '5.5.6', 'Authentication exchange line is too long', 'client'],
  authTemporary: [454, '4.7.0', 'Temporary authentication failure', 'us'],
  senderNotAllowed: [553, '5.7.1', 'You may not send as this address', 'client'],
  badSender: [501, '5.1.7', "Bad sender's mailbox address syntax", 'client'],
  badRecipient: [501, '5.1.3', 'Bad recipient mailbox address syntax', 'client'],
  noSuchUser: [550, '5.1.1', 'No such mailbox here', 'client'],
  noValidRecipients: [554, '5.5.1', 'No valid recipients', 'client'],
  relayDenied: [550, '5.7.1', 'Relaying denied', 'client'],
  tooManyRecipients: [452, '4.5.3', 'Too many recipients', 'client'],
  messageTooLarge: [552, '5.3.4', 'Message is larger than the limit', 'client'],
  nonAsciiSender: [550, '5.6.7', 'Non-ASCII address needs SMTPUTF8', 'client'],
  nonAsciiAddress: [553, '5.6.7', 'Non-ASCII address needs SMTPUTF8', 'client'],
  lineTooLongInData: [554, '5.6.0', 'A line of the message is longer than the limit', 'client'],
  loop: [554, '5.4.6', 'Too many hops: this message is looping', 'client'],
  insufficientStorage: [452, '4.3.1', 'Insufficient system storage', 'us'],
  localError: [451, '4.3.0', 'Local error, try again later', 'us'],
  leaseLost: [451, '4.3.0', 'This server lost its place in the queue, try again', 'us'],
  // RFC 1985 §5.1
  etrnUnable: [458, '4.3.0', 'Unable to queue messages for node', 'us'],
  etrnNotAllowed: [459, '4.7.1', 'Node not allowed', 'client'],
  // RFC 2645 §7
  atrnRefused: [450, '4.7.1', 'ATRN request refused', 'client'],
  atrnUnable: [451, '4.3.0', 'Unable to process ATRN request now', 'us'],
  noMailWaiting: [453, '4.2.0', 'You have no mail', 'client'],
  // RFC 2852 §4.1.3
  deliveryTimeExpired: [550, '5.4.7', 'Delivery time expired', 'client'],
  deliveryTimePassed: [450, '4.4.7', 'Delivery time has passed, and it is still being tried', 'client'],
  heldForPickUp: [450, '4.4.7', 'Waits for its owner to fetch it', 'config'],
  // What we say of a next hop that said nothing itself
  connectionFailed: [451, '4.4.1', 'No answer from host', 'nextHop'],
  connectionLost: [451, '4.4.2', 'Connection lost', 'nextHop'],
  nextHopTimeout: [451, '4.4.2', 'Timed out', 'nextHop'],
  dnsTemporary: [451, '4.4.3', 'Directory server failure', 'nextHop'],
  noSuchDomain: [550, '5.1.2', 'Domain does not exist', 'client'],
  noMailHost: [550, '5.4.4', 'No mail exchanger or address for this domain', 'client'],
  // RFC 7505 §4.1, RFC 7504 §4
  nullMx: [556, '5.1.10', 'Recipient domain does not accept mail', 'client'],
  mailLoopsBack: [550, '5.4.6', 'Mail for this domain loops back to us', 'config'],
  notConfigured: [451, '4.3.5', 'System incorrectly configured', 'config'],
  hostNotFound: [451, '4.4.4', 'A host that config names has no address', 'config'],
  egressRefused: [451, '4.7.1', 'The next hop has an address that egress.allow does not list', 'config'],
  relayAuthFailed: [454, '4.7.8', 'Could not authenticate to the relay', 'config'],
  tlsUnavailable: [451, '4.7.5', 'TLS is required and could not be had', 'nextHop'],
  notSmtpUtf8: [550, '5.6.7', 'Next hop does not support SMTPUTF8, which this message needs', 'nextHop'],
  notUtf8Header: [
    554,
    '5.6.9',
    'Next hop does not support SMTPUTF8, which the header of this message needs',
    'nextHop',
  ],
  // RFC 8689 §4.2.1
  notRequireTls: [550, '5.7.30', 'REQUIRETLS support required', 'nextHop'],
  encryptionNeeded: [550, '5.7.10', 'Encryption needed', 'nextHop'],
  notConvertible: [554, '5.6.3', 'Message can not be converted to a form that the next hop takes', 'nextHop'],
  // RFC 2852 §4.1.4.1, RFC 3463 §3.4
  notDeliverBy: [554, '5.3.3', 'Next hop does not support DELIVERBY as this message needs it', 'nextHop'],
  nextHopSize: [552, '5.3.4', 'Message is larger than the next hop accepts', 'nextHop'],
  garbageReply: [451, '4.5.0', 'The next hop sent an invalid reply', 'nextHop'],
} as const satisfies Record<string, Entry>;

export type ReplyName = keyof typeof replies;

export const REPLY_NAMES = Object.keys(replies) as readonly ReplyName[];

/**
 * An error from the catalogue; `detail` is appended to its text after a colon.
 *
 * @example throw smtpError('relayDenied')
 */
export function smtpError(
  name: ReplyName,
  more: { detail?: string; remote?: string; closes?: boolean; uncertain?: boolean; cause?: unknown } = {},
): SmtpError {
  const [code, enhanced, text, blame] = replies[name];
  const { detail, ...rest } = more;
  return new SmtpError(code, enhanced, detail === undefined ? text : `${text}: ${detail}`, {
    blame,
    ...rest,
  });
}

/** What isn't an `SmtpError` is a failure of our own. */
export function asSmtpError(error: unknown): SmtpError {
  return error instanceof SmtpError ? error : smtpError('localError', { cause: error });
}

/** Codes of refusals outside of SMTP. Documented in `docs/errors.md`. */
export type ErrorCode =
  | 'ConfigInvalid'
  | 'ConfigIncomplete'
  | 'ConfigVersionUnsupported'
  | 'PortInUse'
  | 'QueueUnwritable'
  | 'QueueUnreachable'
  | 'QueueVersionUnsupported'
  | 'QueueDamaged'
  | 'LaneLost'
  | 'LaneGone'
  | 'NoSuchMessage'
  | 'MessageMoving'
  | 'TransferDamaged'
  | 'TransferOver'
  | 'CertificateInvalid'
  | 'ManifestInvalid'
  | 'UsageError'
  | 'StateInvalid'
  | 'AlreadyRunning'
  | 'ControlRefused'
  | 'ControlUnreachable'
  | 'StartFailed'
  | 'HistoryUnusable'
  | 'Unauthorized'
  | 'HostNotAllowed'
  | 'MemberUnreachable'
  | 'MemberRefused'
  | 'MemberLive'
  | 'NoSuchResource'
  | 'InternalError';

/** A refusal that a person reads: `message` says what is wrong, `hint` what to do. */
export class PostriderError extends Error {
  override readonly name = 'PostriderError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, more: { hint?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.hint = more.hint;
  }
}
