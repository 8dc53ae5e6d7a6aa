/**
 * Reports to the sender of a message: what could not be delivered, what is late, and what was delivered where that was
 * asked for. multipart/report as RFC 6522 has it: text for a person, delivery-status for a program, and the original or
 * its header. Pure.
 */
import { isAscii } from 'node:buffer';
import type { Envelope } from '../envelope.ts';
import { messageDate, scanHeader } from '../trace.ts';
import { field, isPlain, quotedPrintable, wrap } from './encode.ts';
import { headerOf } from './original.ts';
import { deliveryStatus, isBare, replyLine } from './status.ts';
import type { Action, Report, ReportedRecipient, ReportInput } from './types.ts';

/** One report of all that there is to say after an attempt (RFC 3461 §5.2.8). */
export function buildReport(input: ReportInput): Report {
  const boundary = `postrider-${input.random.bytes(15).toString('hex')}`;
  const returned = originalPart(input);
  const parts = [
    textPart(humanText(input)),
    Buffer.from(
      `Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n${deliveryStatus(input)}`,
    ),
    returned.part,
  ];
  const content = Buffer.concat([
    Buffer.from(
      `${header(input, boundary, returned.eightBit)}\r\n\r\nThis is a MIME-encapsulated report.\r\n`,
    ),
    ...parts.flatMap((part) => [Buffer.from(`\r\n--${boundary}\r\n`), part]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  return { envelope: reportEnvelope(input, returned.eightBit), content };
}

/** What matters most of what it says. */
export function gravest(recipients: readonly ReportedRecipient[]): Action {
  return ORDER.find((action) => recipients.some((each) => each.action === action))!;
}

const ORDER: readonly Action[] = ['failed', 'delayed', 'relayed', 'delivered'];

// RFC 3461 §6.1
function reportEnvelope(input: ReportInput, eightBit: boolean): Envelope {
  const { envelope } = input;
  return {
    from: '',
    recipients: [{ address: envelope.from, notify: ['NEVER'] }],
    arrivedAt: input.now,
    origin: { listener: 'report', protocol: 'LOCAL' },
    bodyType: eightBit ? '8BITMIME' : '7BIT',
    eightBit,
    ...(isAscii(Buffer.from(envelope.from)) ? {} : { smtputf8: true }),
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
    field('To', `<${oneLine(input.envelope.from)}>`),
    field('Subject', SUBJECT[gravest(input.recipients)]),
    field('Message-ID', `<${input.random.bytes(15).toString('hex')}@${hostname}>`),
    ...(references === undefined ? [] : [field('In-Reply-To', references), field('References', references)]),
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

function textPart(text: string): Buffer {
  const plain = isPlain(text);
  return Buffer.from(
    `Content-Description: Notification\r\nContent-Type: text/plain; charset=${plain ? 'us-ascii' : 'utf-8'}\r\n` +
      `Content-Transfer-Encoding: ${plain ? '7bit' : 'quoted-printable'}\r\n\r\n` +
      `${plain ? text : quotedPrintable(Buffer.from(text))}\r\n`,
  );
}

/**
 * The whole message where the sender wants it back (RFC 3461 §4.3; RET is for failures only) and a report may hold
 * it, else its header. A message/rfc822 can't be encoded (RFC 2046 §5.2.1), so that one with 8-bit content is
 * returned whole only where FULL was asked for: a report that every next hop takes is worth more.
 */
function originalPart(input: ReportInput): { part: Buffer; eightBit: boolean } {
  const { envelope, original } = input;
  const eightBit = !isAscii(original.bytes);
  const whole =
    input.recipients.some(({ action }) => action === 'failed') &&
    original.complete &&
    // The one has no lines that a report could be made of, the other may not be in a message/rfc822.
    envelope.bodyType !== 'BINARYMIME' &&
    !(envelope.smtputf8 === true && eightBit) &&
    envelope.ret !== 'HDRS' &&
    (envelope.ret === 'FULL' || !eightBit);
  if (whole) {
    const encoding = eightBit ? '8bit' : '7bit';
    const head = `Content-Description: Undelivered message\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
    return { part: Buffer.concat([Buffer.from(head), original.bytes]), eightBit };
  }
  // RFC 6522 §4
  const bytes = headerOf(original);
  const plain = isPlain(bytes.toString('latin1'));
  const body = plain ? bytes : Buffer.from(quotedPrintable(bytes));
  const head =
    'Content-Description: Header of the message\r\nContent-Type: text/rfc822-headers\r\n' +
    `Content-Transfer-Encoding: ${plain ? '7bit' : 'quoted-printable'}\r\n\r\n`;
  return { part: Buffer.concat([Buffer.from(head), body]), eightBit: false };
}
