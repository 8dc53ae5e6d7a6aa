/**
 * Parameters of MAIL and RCPT (RFC 5321 §4.1.1.11). Pure. What was not announced is refused with 555 5.5.4; what is
 * given twice, or has a bad value, with 501 5.5.4.
 */
import { smtpError } from '../errors.ts';
import { isMailbox } from './path.ts';

export interface MailParameters {
  readonly declaredSize?: number;
  readonly bodyType?: '7BIT' | '8BITMIME';
  readonly auth?: string;
}

const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?$/;
// RFC 3461 §4
const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*$/;

/** @param authOffered whether AUTH= is a parameter of this listener (RFC 4954 §5) */
export function parseMailParameters(text: string, authOffered: boolean): MailParameters {
  if (text === '') return {};
  const parameters: { declaredSize?: number; bodyType?: '7BIT' | '8BITMIME'; auth?: string } = {};
  for (const [keyword, value] of split(text)) {
    if (keyword === 'SIZE') parameters.declaredSize = size(value);
    else if (keyword === 'BODY') parameters.bodyType = body(value);
    else if (keyword === 'AUTH' && authOffered) parameters.auth = auth(value);
    else throw smtpError('unknownParameter', { detail: keyword });
  }
  return parameters;
}

/** No extension of ours has a parameter for RCPT: whatever is well formed is unknown. */
export function refuseRcptParameters(text: string): void {
  for (const [keyword] of split(text)) throw smtpError('unknownParameter', { detail: keyword });
}

/** Undoes xtext (RFC 3461 §4): `+` and two capital hex digits are one octet. Undefined where it is malformed. */
export function decodeXtext(text: string): string | undefined {
  if (!XTEXT.test(text)) return undefined;
  return text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
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

// RFC 1870 §3
function size(value: string | undefined): number {
  if (value === undefined || !/^\d{1,20}$/.test(value)) throw smtpError('badArguments', { detail: 'SIZE' });
  return Number(value);
}

// RFC 6152 §3
function body(value: string | undefined): '7BIT' | '8BITMIME' {
  const type = value?.toUpperCase();
  if (type === '7BIT' || type === '8BITMIME') return type;
  throw smtpError('badArguments', { detail: 'BODY' });
}

// RFC 4954 §5
function auth(value: string | undefined): string {
  const mailbox = value === undefined ? undefined : decodeXtext(value);
  if (mailbox === '<>' || (mailbox !== undefined && isMailbox(mailbox))) return mailbox;
  throw smtpError('badArguments', { detail: 'AUTH' });
}
