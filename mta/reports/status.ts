/**
 * message/delivery-status: what a program reads of a report (RFC 3464 §2.1), or message/global-delivery-status where it is about
 * addresses in UTF-8 of a message that came with SMTPUTF8 (RFC 6533 §4.1).
 */
import { localPartOf, type Recipient } from '../envelope.ts';
import { isMailbox } from '../listen/path.ts';
import type { StoredReply } from '../queue/types.ts';
import { headerText, messageDate } from '../trace.ts';
import { decodeUnitext, decodeXtext, encodeUnitext } from '../xtext.ts';
import { field, isAsciiText, typedAddress, utf8Text } from './encode.ts';
import type { Action, ReportedRecipient, ReportInput } from './types.ts';

export interface DeliveryStatus {
  readonly text: string;
  /** RFC 6533 §4.1: it is in UTF-8. */
  readonly isGlobal: boolean;
}

/** How addresses and what others said are written. */
interface Form {
  readonly address: (address: string) => string;
  /** Of type utf-8, of what was given in an ORCPT. */
  readonly utf8: (given: string) => string;
  readonly text: (text: string, longest: number) => string;
}

const ASCII: Form = { address: typedAddress, utf8: encodeUnitext, text: headerText };
const UTF8: Form = {
  address: (address) => (isAsciiText(address) ? typedAddress(address) : `utf-8; ${address}`),
  utf8: utf8Address,
  text: utf8Text,
};

/** Per-message fields, then a block of fields per recipient, each ended by an empty line. */
export function deliveryStatus(input: ReportInput): DeliveryStatus {
  const { envelope, retryUntil } = input;
  // RFC 3464 §2.2
  const message = [
    ...(envelope.envid === undefined
      ? []
      : [field('Original-Envelope-Id', headerText(decodeXtext(envelope.envid) ?? envelope.envid, 100))]),
    field('Reporting-MTA', `dns; ${input.hostname}`),
    field('X-Postrider-Queue-Id', input.id),
    field('Arrival-Date', messageDate(envelope.arrivedAt)),
    // RFC 2852 §5
    ...(envelope.deliverBy === undefined ? [] : [field('Deliver-By-Date', messageDate(envelope.deliverBy))]),
    // RFC 4865 §5.1.2
    ...(envelope.holdRequest === undefined ? [] : [field('Future-Release-Request', envelope.holdRequest)]),
  ];
  const recipients = input.recipients.flatMap((reported) => {
    const recipient = envelope.recipients[reported.recipient];
    return recipient === undefined ? [] : [{ recipient, reported }];
  });
  // A sender without SMTPUTF8 has given none of these, but for an ORCPT in ASCII: it reads the older form.
  const isGlobal =
    envelope.smtputf8 === true &&
    recipients.some(({ recipient: { address, orcpt } }) =>
      [address, originalRecipient(orcpt ?? '', UTF8)].some((text) => !isAsciiText(text)),
    );
  const blocks = recipients.map(({ recipient, reported }) =>
    recipientFields(recipient, reported, retryUntil, isGlobal ? UTF8 : ASCII),
  );
  const text = [message, ...blocks].map((block) => `${block.join('\r\n')}\r\n`).join('\r\n');
  return { text, isGlobal };
}

// RFC 3464 §2.3
function recipientFields(
  recipient: Recipient,
  { action, reply, lastAttemptAt }: ReportedRecipient,
  retryUntil: number,
  form: Form,
): string[] {
  const fields: string[] = [];
  if (recipient.orcpt !== undefined)
    fields.push(field('Original-Recipient', originalRecipient(recipient.orcpt, form)));
  fields.push(field('Final-Recipient', form.text(form.address(recipient.address), 900)));
  fields.push(field('Action', action));
  fields.push(field('Status', statusOf(reply, action)));
  if (reply.remote !== undefined) fields.push(field('Remote-MTA', `dns; ${hostOf(reply.remote)}`));
  fields.push(field('Diagnostic-Code', diagnostic(reply, form)));
  if (lastAttemptAt !== undefined) fields.push(field('Last-Attempt-Date', messageDate(lastAttemptAt)));
  if (action === 'delayed') fields.push(field('Will-Retry-Until', messageDate(retryUntil)));
  return fields;
}

/** `rfc822;anna+2Blists@example.test` is `rfc822; anna+lists@example.test`. RFC 3464 §2.3.1, RFC 6533 §3 */
function originalRecipient(orcpt: string, form: Form): string {
  const semicolon = orcpt.indexOf(';');
  const type = semicolon < 0 ? 'rfc822' : orcpt.slice(0, semicolon).trim();
  const given = orcpt.slice(semicolon + 1).trim();
  if (type.toLowerCase() === 'utf-8') return form.text(`utf-8; ${form.utf8(given)}`, 900);
  const address = decodeXtext(given) ?? given;
  return form.text(isAsciiText(address) ? `${type}; ${address}` : form.address(address), 900);
}

/** What isn't an address is given as it came (RFC 6533 §3). */
function utf8Address(given: string): string {
  const address = decodeUnitext(given);
  return address !== undefined && isMailbox(address) ? address : given;
}

/** The reply's own status code where it has one that fits what happened, else the class alone. RFC 3464 §2.3.4 */
function statusOf(reply: StoredReply, action: Action): string {
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(reply.enhanced)) return reply.enhanced;
  if (action === 'delivered' || action === 'relayed') return '2.0.0';
  return action === 'failed' && reply.code >= 500 ? '5.0.0' : '4.0.0';
}

/** `mx.example.org[192.0.2.1]:25` is `mx.example.org`, and so is a webhook's `https://mx.example.org:8443`. */
function hostOf(remote: string): string {
  if (isWebhook(remote)) return headerText(new URL(remote).hostname, 255);
  const bracket = remote.indexOf('[');
  return headerText(bracket > 0 ? remote.slice(0, bracket) : remote, 255);
}

/** What a webhook says has its origin for a remote: a host of SMTP has no scheme. */
const isWebhook = (remote: string): boolean => /^https?:\/\//.test(remote) && URL.canParse(remote);

/**
 * The reply in full; `smtp` where a next hop said it, types of our own where a webhook or we did. RFC 3464 §2.3.6: what
 * isn't registered begins with x-.
 */
function diagnostic(reply: StoredReply, form: Form): string {
  const text = reply.text.replace(/\s+/g, ' ');
  // An answer of HTTP is told as such: the reply code is what we made of it.
  if (reply.remote !== undefined && isWebhook(reply.remote)) {
    return form.text(`x-http; ${text.replace(/^HTTP /, '')}`, 900);
  }
  const type = reply.remote === undefined ? 'x-postrider' : 'smtp';
  return form.text(`${type}; ${replyLine({ ...reply, text })}`, 900);
}

/** `550 5.1.1 No such mailbox here`. */
export function replyLine(reply: StoredReply): string {
  return [String(reply.code), reply.enhanced, reply.text].filter((part) => part !== '').join(' ');
}

/** Whether a mailbox is a bare local part, as `postmaster` may be. */
export function isBare(address: string): boolean {
  return localPartOf(address) === address;
}
