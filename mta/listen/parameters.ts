/**
 * Parameters of MAIL and RCPT (RFC 5321 §4.1.1.11). Pure. What was not announced is refused with 555 5.5.4; what is
 * given twice, or has a bad value, with 501 5.5.4.
 */
import { isUtf8 as isUtf8Text } from 'node:buffer';
import { smtpError } from '../errors.ts';
import { decodeXtext, encodeUtf8Address } from '../xtext.ts';
import { type DeliverBy, deliverBy } from './deliver-by.ts';
import { type HoldRequest, holdRequest } from './future-release.ts';
import { isMailbox } from './path.ts';

export interface MailParameters {
  readonly declaredSize?: number;
  readonly bodyType?: '7BIT' | '8BITMIME' | 'BINARYMIME';
  readonly auth?: string;
  readonly smtputf8?: boolean;
  readonly ret?: 'FULL' | 'HDRS';
  /** As given, in xtext. */
  readonly envid?: string;
  readonly hold?: HoldRequest;
  readonly deliverBy?: DeliverBy;
  readonly priority?: number;
  readonly requireTls?: boolean;
}

/** What was announced, and may be asked for. */
export interface Offered {
  /** AUTH= (RFC 4954 §5). */
  readonly auth: boolean;
  readonly futureRelease?: { readonly maxSeconds: number } | undefined;
  /** REQUIRETLS: within TLS (RFC 8689 §2). */
  readonly requireTls: boolean;
  /** Ms since the epoch. */
  readonly now: number;
}

export interface RcptParameters {
  readonly notify?: readonly string[];
  /** As given: `rfc822;` and the address in xtext; or `utf-8;` and one of its forms. */
  readonly orcpt?: string;
}

const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\x80-\xff]+))?$/;
// RFC 3461 §5.4
const LONGEST_ENVID = 100;
const LONGEST_ORCPT = 500;
const PRINTABLE = /^[\x20-\x7e]*$/;
const WITHOUT_CONTROLS = /^[\x20-\x7e\x80-\xff]*$/;
/** An atom, and what it is the type of (RFC 3461 §4.2). */
const ORCPT = /^[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~]+;(.+)$/;
const RFC822_ORCPT = /^rfc822;/i;
/** An address in UTF-8 as it is. */
const UTF8_ORCPT = /^utf-8;[\x21-\x2a\x2c-\x3c\x3e-\x7e\x80-\xff]+$/i;
const NOTIFY = new Set(['SUCCESS', 'FAILURE', 'DELAY']);

export function parseMailParameters(text: string, offered: Offered): MailParameters {
  if (text === '') return {};
  const parameters: { -readonly [Name in keyof MailParameters]: MailParameters[Name] } = {};
  for (const [keyword, value] of split(text)) {
    if (keyword === 'SIZE') parameters.declaredSize = size(value);
    else if (keyword === 'BODY') parameters.bodyType = body(value);
    else if (keyword === 'AUTH' && offered.auth) parameters.auth = auth(value);
    else if (keyword === 'SMTPUTF8') parameters.smtputf8 = flag(keyword, value);
    else if (keyword === 'RET') parameters.ret = ret(value);
    else if (keyword === 'ENVID') parameters.envid = envid(value);
    else if ((keyword === 'HOLDFOR' || keyword === 'HOLDUNTIL') && offered.futureRelease !== undefined) {
      // RFC 4865 §4.2 (9)
      if (parameters.hold !== undefined) throw smtpError('badArguments', { detail: 'HOLDFOR and HOLDUNTIL' });
      parameters.hold = holdRequest(keyword, value, { ...offered.futureRelease, now: offered.now });
    } else if (keyword === 'BY') parameters.deliverBy = deliverBy(value, offered.now);
    else if (keyword === 'MT-PRIORITY') parameters.priority = priority(value);
    else if (keyword === 'REQUIRETLS' && offered.requireTls) parameters.requireTls = flag(keyword, value);
    else throw smtpError('unknownParameter', { detail: keyword });
  }
  // RFC 4865 §5.2.2
  if (parameters.hold && parameters.deliverBy && parameters.hold.until > parameters.deliverBy.by) {
    throw smtpError('badArguments', { detail: 'held for longer than it may take to be delivered' });
  }
  return parameters;
}

/** @param isUtf8 whether the transaction has SMTPUTF8 */
export function parseRcptParameters(text: string, isUtf8: boolean): RcptParameters {
  if (text === '') return {};
  const parameters: { -readonly [Name in keyof RcptParameters]: RcptParameters[Name] } = {};
  for (const [keyword, value] of split(text)) {
    if (keyword === 'NOTIFY') parameters.notify = notify(value);
    else if (keyword === 'ORCPT') parameters.orcpt = orcpt(value, isUtf8);
    else throw smtpError('unknownParameter', { detail: keyword });
  }
  return parameters;
}

function split(text: string): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const word of text.split(' ')) {
    if (word === '') continue;
    const match = PARAMETER.exec(word);
    if (match === null) throw smtpError('badArguments');
    const keyword = match[1]!.toUpperCase();
    if (found.has(keyword)) throw smtpError('badArguments', { detail: `${keyword} is given twice` });
    found.set(keyword, match[2]);
  }
  return found;
}

// RFC 6531 §3.1 (4), RFC 8689 §2 (4)
function flag(keyword: string, value: string | undefined): true {
  if (value === undefined) return true;
  throw smtpError('badArguments', { detail: keyword });
}

// RFC 1870 §3
function size(value: string | undefined): number {
  if (value === undefined || !/^\d{1,20}$/.test(value)) throw smtpError('badArguments', { detail: 'SIZE' });
  return Number(value);
}

// RFC 6152 §3, RFC 3030 §3
function body(value: string | undefined): NonNullable<MailParameters['bodyType']> {
  const type = value?.toUpperCase();
  if (type === '7BIT' || type === '8BITMIME' || type === 'BINARYMIME') return type;
  throw smtpError('badArguments', { detail: 'BODY' });
}

// RFC 4954 §5
function auth(value: string | undefined): string {
  const mailbox = value === undefined ? undefined : decodeXtext(value);
  if (mailbox === '<>' || (mailbox !== undefined && isMailbox(mailbox))) return mailbox;
  throw smtpError('badArguments', { detail: 'AUTH' });
}

// RFC 3461 §4.3
function ret(value: string | undefined): 'FULL' | 'HDRS' {
  const what = value?.toUpperCase();
  if (what === 'FULL' || what === 'HDRS') return what;
  throw smtpError('badArguments', { detail: 'RET' });
}

// RFC 3461 §4.4
function envid(value = ''): string {
  const decoded = decodeXtext(value);
  if (value !== '' && value.length <= LONGEST_ENVID && decoded !== undefined && PRINTABLE.test(decoded))
    return value;
  throw smtpError('badArguments', { detail: 'ENVID' });
}

// RFC 6710 §7
function priority(value = ''): number {
  if (/^(?:0|-?[1-9])$/.test(value)) return Number(value);
  throw smtpError('badArguments', { detail: 'MT-PRIORITY' });
}

// RFC 3461 §4.1
function notify(value = ''): string[] {
  const words = value.toUpperCase().split(',');
  if (value.toUpperCase() === 'NEVER' || words.every((word) => NOTIFY.has(word))) return words;
  throw smtpError('badArguments', { detail: 'NOTIFY' });
}

// RFC 3461 §4.2, RFC 6533 §3
function orcpt(value = '', isUtf8 = false): string {
  if (isUtf8 && value.length <= LONGEST_ORCPT && UTF8_ORCPT.test(value)) {
    const octets = Buffer.from(value, 'latin1');
    if (isUtf8Text(octets)) return octets.toString('utf8');
  }
  const decoded = decodeXtext(ORCPT.exec(value)?.[1] ?? '+');
  if (value.length <= LONGEST_ORCPT && decoded !== undefined && PRINTABLE.test(decoded)) return value;
  const meant = isUtf8 && RFC822_ORCPT.test(value) ? asUtf8Address(decoded) : undefined;
  if (meant !== undefined && meant.length <= LONGEST_ORCPT) return meant;
  throw smtpError('badArguments', { detail: 'ORCPT' });
}

/**
 * An address of type rfc822 is ASCII (RFC 3461 §4.2). Postfix sends one in UTF-8 as such, in xtext, for every recipient that has one: it is
 * taken for what it should have been, the ASCII form of type utf-8 (RFC 6533 §3).
 */
function asUtf8Address(decoded: string | undefined): string | undefined {
  const octets = Buffer.from(decoded ?? '', 'latin1');
  if (decoded === undefined || !WITHOUT_CONTROLS.test(decoded) || !isUtf8Text(octets)) return undefined;
  return `utf-8;${encodeUtf8Address(octets.toString('utf8'))}`;
}
