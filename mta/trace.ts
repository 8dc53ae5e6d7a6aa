/**
 * Trace information: the Received field of an accepted message, and what is read from the header of one that arrives
 * (hops, Message-ID). Pure, and run for every message: Buffer scans, no regular expression over content.
 * Nothing here fails: what a client said is made harmless before it gets into a header.
 *
 * Return-Path is not ours to write: RFC 5321 §4.4 leaves it to the server that makes final delivery, which is the
 * backend behind LMTP (docs/decisions/0500-return-path.md).
 */
import { isAscii } from 'node:buffer';
import type { Envelope } from './envelope.ts';
import type { QueueId } from './queue/types.ts';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SP = 0x20;
const TAB = 0x09;

/** Longest value of our own making on one line; RFC 5322 §2.1.1 allows 998 for the line. */
const LONGEST_TEXT = 512;
/** RFC 5321 §4.5.3.1.2 */
const LONGEST_DOMAIN = 255;
const LONGEST_MESSAGE_ID = 256;

let dateSecond = Number.NaN;
let dateText = '';

/** `Sun, 22 Nov 2026 14:39:08 +0000` from ms since the epoch. RFC 5322 §3.3 */
export function messageDate(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString().replace('GMT', '+0000');
  }
  return dateText;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]`. RFC 5321 §4.1.3 */
export function addressLiteral(address: string): string {
  if (!address.includes(':')) return `[${address}]`;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped ? `[${mapped[1]}]` : `[IPv6:${address}]`;
}

/** One line of printable ASCII for a header: anything else becomes `?`, and the length is bounded. */
export function headerText(text: string, longest = LONGEST_TEXT): string {
  return text.slice(0, longest).replace(/[^\x20-\x7e]/g, '?');
}

/** RFC 6531 §4.3: `ESMTPSA` is `UTF8SMTPSA`, and `LMTPSA` is `UTF8LMTPSA`. */
export const utf8Protocol = (protocol: string): string => protocol.replace(/^E?(?=SMTP|LMTP)/, 'UTF8');

/** The argument of HELO, or a name, as a Domain or address literal; what neither has in it becomes `?`. */
function heloDomain(helo: string | undefined): string {
  if (helo === undefined || helo === '') return 'unknown';
  return helo.slice(0, LONGEST_DOMAIN).replace(/[^A-Za-z0-9.:_[\]-]/g, '?');
}

/**
 * The Received field to stand before everything else of the message, with its CRLF. `for` is given for a single
 * recipient only: with more it would tell each of the others. An address that isn't ASCII is left out: it would make the
 * whole message need SMTPUTF8 at every hop from here (RFC 6531 §3.2).
 */
// RFC 5321 §4.4, RFC 3848
export function receivedField(id: QueueId, envelope: Envelope, hostname: string): Buffer {
  const { origin, recipients } = envelope;
  // A TCP-info of a name and no address there is none.
  const name = origin.clientName === undefined ? '' : `${heloDomain(origin.clientName)} `;
  const client =
    origin.clientAddress === undefined ? '' : ` (${name}${addressLiteral(origin.clientAddress)})`;
  const tls =
    origin.tls === undefined ? '' : `\r\n\t(${headerText(origin.tls, 128).replace(/[()\\]/g, '?')})`;
  const only = recipients.length === 1 ? recipients[0]?.address : undefined;
  // RFC 6710 §7
  const priority = envelope.priority === undefined ? '' : ` PRIORITY ${envelope.priority}`;
  const path = only === undefined || !isAscii(Buffer.from(only)) ? '' : `\r\n\tfor <${unbroken(only)}>`;
  return Buffer.from(
    `Received: from ${heloDomain(origin.helo)}${client}\r\n\tby ${hostname} with ${origin.protocol} id ${id}${tls}` +
      `${path}${priority};\r\n\t${messageDate(envelope.arrivedAt)}\r\n`,
  );
}

/** An address may hold quoted blanks, never a line break. */
function unbroken(address: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return address.replace(/[\x00-\x1f\x7f]/g, '?');
}

export interface HeaderScan {
  /** Received fields. */
  readonly hops: number;
  /** Value of the first Message-ID field, angle brackets included; made fit for a log and a header. */
  readonly messageId: string | undefined;
  /** RFC 8689 §3: whether there is a field `TLS-Required: No`. */
  readonly tlsOptional: boolean;
  /** Offset behind the empty line that ends the header, or -1 where these bytes don't have it. */
  readonly end: number;
}

/** Reads the header at the start of `bytes`; line by line, as far as its end or theirs. */
export function scanHeader(bytes: Buffer): HeaderScan {
  let hops = 0;
  let messageId: string | undefined;
  let tlsOptional = false;
  let start = 0;
  while (start < bytes.length) {
    const first = bytes[start];
    if (first === LF) return { hops, messageId, tlsOptional, end: start + 1 };
    if (first === CR && bytes[start + 1] === LF) return { hops, messageId, tlsOptional, end: start + 2 };
    if ((first === 0x52 || first === 0x72) && isField(bytes, start, 'received')) hops++;
    else if (messageId === undefined && (first === 0x4d || first === 0x6d)) {
      if (isField(bytes, start, 'message-id')) messageId = fieldValue(bytes, start);
    } else if ((first === 0x54 || first === 0x74) && isField(bytes, start, 'tls-required')) {
      tlsOptional ||= fieldValue(bytes, start)?.toLowerCase() === 'no';
    }
    const lf = bytes.indexOf(LF, start);
    if (lf < 0) break;
    start = lf + 1;
  }
  return { hops, messageId, tlsOptional, end: -1 };
}

/** Whether the line at `start` is the field `name` (lower case); blanks before the colon are RFC 5322 §4.5.8. */
function isField(bytes: Buffer, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i] ?? 0;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name.charCodeAt(i)) return false;
  }
  let next = start + name.length;
  while (bytes[next] === SP || bytes[next] === TAB) next++;
  return bytes[next] === COLON;
}

/** The unfolded value of the field at `start`. */
function fieldValue(bytes: Buffer, start: number): string | undefined {
  const from = bytes.indexOf(COLON, start) + 1;
  let to = bytes.indexOf(LF, from);
  while (to >= 0 && (bytes[to + 1] === SP || bytes[to + 1] === TAB)) to = bytes.indexOf(LF, to + 1);
  const longest = from + 2 * LONGEST_MESSAGE_ID;
  const raw = bytes.toString('latin1', from, Math.min(to < 0 ? bytes.length : to, longest));
  return headerText(raw.replace(/[\r\n\t ]+/g, ' ').trim(), LONGEST_MESSAGE_ID) || undefined;
}
