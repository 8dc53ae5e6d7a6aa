/**
 * Reports to the sender of a message: what could not be delivered, what is late, and what was delivered where that was
 * asked for. multipart/report as RFC 6522 has it: text for a person, delivery-status for a program, and the original or
 * its header. Pure.
 *
 * What is in UTF-8 of a message that came with SMTPUTF8 is told in UTF-8 (RFC 6533 §4). The next hop of the report isn't known
 * yet: where that has no SMTPUTF8, those parts are encoded as it is delivered (RFC 6533 §4.5).
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { type Envelope, withAsciiDomain } from '../envelope.ts';
import { hasUtf8Header, isGlobal } from '../mime/international.ts';
import { messageDate, scanHeader } from '../trace.ts';
import { field, isAsciiText, isLines, isPlain, quotedPrintable, wrap } from './encode.ts';
import { headerOf } from './original.ts';
import { deliveryStatus, isBare, replyLine } from './status.ts';
import type { Action, Report, ReportedRecipient, ReportInput } from './types.ts';

/** One report of all that there is to say after an attempt (RFC 3461 §5.2.8). */
export function buildReport(input: ReportInput): Report {
  const boundary = `postrider-${input.random.bytes(15).toString('hex')}`;
  const parts = [textPart(humanText(input)), statusPart(input), originalPart(input)];
  const eightBit = parts.some(({ encoding }) => encoding === '8bit');
  const content = Buffer.concat([
    Buffer.from(`${header(input, boundary, eightBit)}\r\n\r\nThis is a MIME-encapsulated report.\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`\r\n--${boundary}\r\n${partHeader(part)}\r\n`), part.body]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  return { envelope: reportEnvelope(input, parts, eightBit), content };
}

interface Part {
  readonly description: string;
  readonly type: string;
  readonly encoding: '7bit' | '8bit' | 'quoted-printable';
  readonly body: Buffer;
}

function partHeader({ description, type, encoding }: Part): string {
  return (
    `Content-Description: ${description}\r\nContent-Type: ${type}\r\n` +
    `Content-Transfer-Encoding: ${encoding}\r\n`
  );
}

/** What matters most of what it says. */
export function gravest(recipients: readonly ReportedRecipient[]): Action {
  return ORDER.find((action) => recipients.some((each) => each.action === action))!;
}

const ORDER: readonly Action[] = ['failed', 'delayed', 'relayed', 'delivered'];

// RFC 3461 §6.1
function reportEnvelope({ envelope, now }: ReportInput, parts: readonly Part[], eightBit: boolean): Envelope {
  const isInternational =
    !isAsciiText(envelope.from) || parts.some(({ type, encoding }) => encoding === '8bit' && isGlobal(type));
  return {
    from: '',
    recipients: [{ address: envelope.from, notify: ['NEVER'] }],
    arrivedAt: now,
    origin: { listener: 'report', protocol: 'LOCAL' },
    bodyType: eightBit ? '8BITMIME' : '7BIT',
    eightBit,
    ...(isInternational ? { smtputf8: true } : {}),
    // RFC 8689 §5, §6
    ...(envelope.requireTls === true ? { requireTls: true } : {}),
    ...(envelope.tlsOptional === true ? { tlsOptional: true } : {}),
    // RFC 6710 §4.6
    ...(envelope.priority === undefined ? {} : { priority: envelope.priority }),
    ...(envelope.tenant === undefined ? {} : { tenant: envelope.tenant }),
  };
}

function header(input: ReportInput, boundary: string, eightBit: boolean): string {
  const { hostname, postmaster } = input;
  const from = isBare(postmaster) ? `${postmaster}@${hostname}` : postmaster;
  const { messageId } = scanHeader(input.original.bytes);
  // RFC 3834 §3.1.6; what isn't a msg-id would make the field invalid
  const references = messageId !== undefined && /^<[^<>\s]+>$/.test(messageId) ? messageId : undefined;
  return [
    `Date: ${messageDate(input.now)}`,
    field('From', `Mail Delivery System <${from}>`),
    // A-labels need no SMTPUTF8, where a local part doesn't.
    field('To', `<${oneLine(withAsciiDomain(input.envelope.from))}>`),
    field('Subject', SUBJECT[gravest(input.recipients)]),
    field('Message-ID', `<${input.random.bytes(15).toString('hex')}@${hostname}>`),
    ...(references === undefined ? [] : [field('In-Reply-To', references), field('References', references)]),
    ...(input.envelope.tlsOptional === true ? ['TLS-Required: No'] : []),
    // RFC 3834 §5
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    // RFC 6522 §3
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    `Content-Transfer-Encoding: ${eightBit ? '8bit' : '7bit'}`,
  ].join('\r\n');
}

const SUBJECT = {
  failed: 'Undelivered mail: returned to sender',
  delayed: 'Delayed mail: still being tried',
  relayed: 'Relayed mail: passed on as you asked to be told',
  delivered: 'Delivered mail: as you asked to be told',
} as const satisfies Record<Action, string>;

function humanText(input: ReportInput): string {
  const { envelope, hostname, recipients } = input;
  const lines = [`This is the mail system at ${hostname}.`, ''];
  for (const action of ORDER) {
    const those = recipients.filter((each) => each.action === action);
    if (those.length === 0) continue;
    lines.push(...wrap(sentence(input, action), 76, ''), '');
    for (const reported of those) lines.push(...humanRecipient(envelope, reported), '');
  }
  lines.push(...wrap(`If you ask for help, give this number: ${input.id}`, 76, ''), '');
  return lines.join('\r\n');
}

function sentence({ envelope, retryUntil }: ReportInput, action: Action): string {
  const message = `Your message of ${messageDate(envelope.arrivedAt)}`;
  switch (action) {
    case 'failed':
      return `${message} could not be delivered to the recipients below. It will not be tried again.`;
    case 'delayed':
      return `${message} has not been delivered yet to the recipients below. It is kept and tried again until ${messageDate(retryUntil)}. You need not do anything.`;
    case 'relayed':
      return `${message} was passed on to the mail system of the recipients below, which does not tell what becomes of it. You will hear of it only if it fails.`;
    case 'delivered':
      return `${message} was delivered to the recipients below.`;
  }
}

function humanRecipient(envelope: Envelope, { recipient, reply }: ReportedRecipient): string[] {
  const address = oneLine(envelope.recipients[recipient]?.address ?? '');
  const who = reply.remote === undefined ? 'This system says' : `${oneLine(reply.remote)} said`;
  return [`<${address}>:`, ...wrap(`${who}: ${oneLine(replyLine(reply)).slice(0, 2000)}`, 76, '    ')];
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ');
}

function textPart(text: string): Part {
  const plain = isPlain(text);
  return {
    description: 'Notification',
    type: `text/plain; charset=${plain ? 'us-ascii' : 'utf-8'}`,
    encoding: plain ? '7bit' : 'quoted-printable',
    body: Buffer.from(`${plain ? text : quotedPrintable(Buffer.from(text))}\r\n`),
  };
}

/** RFC 6533 §6.4: one in UTF-8 is 8bit. */
function statusPart(input: ReportInput): Part {
  const { text, isGlobal } = deliveryStatus(input);
  return {
    description: 'Delivery report',
    type: isGlobal ? 'message/global-delivery-status' : 'message/delivery-status',
    encoding: isGlobal ? '8bit' : '7bit',
    body: Buffer.from(text),
  };
}

/**
 * The whole message where the sender wants it back (RFC 3461 §4.3; RET is for failures only) and a report may hold
 * it, else its header. A message/rfc822 can't be encoded (RFC 2046 §5.2.1), so that one with 8-bit content is
 * returned whole only where FULL was asked for: a report that every next hop takes is worth more. A message/global can
 * be encoded (RFC 6532 §3.7).
 */
function originalPart(input: ReportInput): Part {
  const { envelope, original } = input;
  const head = headerOf(original);
  // RFC 8689 §5: what nobody was to read goes back over ways that may be less safe.
  const ret = envelope.requireTls === true ? 'HDRS' : envelope.ret;
  const isWanted = input.recipients.some(({ action }) => action === 'failed') && ret !== 'HDRS';
  // What is binary has no lines that a report could be made of.
  if (!isWanted || !original.complete || envelope.bodyType === 'BINARYMIME')
    return headerPart(envelope, head);
  const { bytes } = original;
  const eightBit = !isAscii(bytes);
  const isInternational = envelope.smtputf8 === true && eightBit && hasUtf8Header(bytes);
  if (isInternational && !isUtf8(head)) return headerPart(envelope, head);
  if (eightBit && !isInternational && envelope.ret !== 'FULL') return headerPart(envelope, head);
  return {
    description: 'Undelivered message',
    type: isInternational ? 'message/global' : 'message/rfc822',
    encoding: eightBit ? '8bit' : '7bit',
    body: bytes,
  };
}

// RFC 6522 §4, RFC 6533 §4.3
function headerPart(envelope: Envelope, head: Buffer): Part {
  const isInternational = envelope.smtputf8 === true && !isAscii(head) && isUtf8(head);
  const asItIs = isInternational ? isLines(head) : isPlain(head.toString('latin1'));
  return {
    description: 'Header of the message',
    type: isInternational ? 'message/global-headers' : 'text/rfc822-headers',
    encoding: asItIs ? (isInternational ? '8bit' : '7bit') : 'quoted-printable',
    body: asItIs ? head : Buffer.from(quotedPrintable(head)),
  };
}
