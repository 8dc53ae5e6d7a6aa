/** message/delivery-status: what a program reads of a report. RFC 3464 §2.1 */
import { localPartOf, type Recipient } from '../envelope.ts';
import type { StoredReply } from '../queue/types.ts';
import { headerText, messageDate } from '../trace.ts';
import { decodeXtext } from '../xtext.ts';
import { field, typedAddress } from './encode.ts';
import type { Action, ReportedRecipient, ReportInput } from './types.ts';

/** Per-message fields, then a block of fields per recipient, each ended by an empty line. */
export function deliveryStatus(input: ReportInput): string {
  const { envelope, retryUntil } = input;
  // RFC 3464 §2.2
  const message = [
    ...(envelope.envid === undefined
      ? []
      : [field('Original-Envelope-Id', headerText(decodeXtext(envelope.envid) ?? envelope.envid, 100))]),
    field('Reporting-MTA', `dns; ${input.hostname}`),
    field('X-Postrider-Queue-Id', input.id),
    field('Arrival-Date', messageDate(envelope.arrivedAt)),
  ];
  const blocks = input.recipients.map((reported) => {
    const recipient = envelope.recipients[reported.recipient];
    return recipient === undefined ? [] : recipientFields(recipient, reported, retryUntil);
  });
  return [message, ...blocks.filter((block) => block.length > 0)]
    .map((block) => `${block.join('\r\n')}\r\n`)
    .join('\r\n');
}

// RFC 3464 §2.3
function recipientFields(
  recipient: Recipient,
  { action, reply, lastAttemptAt }: ReportedRecipient,
  retryUntil: number,
): string[] {
  const fields: string[] = [];
  if (recipient.orcpt !== undefined)
    fields.push(field('Original-Recipient', originalRecipient(recipient.orcpt)));
  fields.push(field('Final-Recipient', headerText(typedAddress(recipient.address), 900)));
  fields.push(field('Action', action));
  fields.push(field('Status', statusOf(reply, action)));
  if (reply.remote !== undefined) fields.push(field('Remote-MTA', `dns; ${hostOf(reply.remote)}`));
  fields.push(field('Diagnostic-Code', diagnostic(reply)));
  if (lastAttemptAt !== undefined) fields.push(field('Last-Attempt-Date', messageDate(lastAttemptAt)));
  if (action === 'delayed') fields.push(field('Will-Retry-Until', messageDate(retryUntil)));
  return fields;
}

/** `rfc822;anna+2Blists@example.test` is `rfc822; anna+lists@example.test`. RFC 3464 §2.3.1 */
function originalRecipient(orcpt: string): string {
  const semicolon = orcpt.indexOf(';');
  const type = semicolon < 0 ? 'rfc822' : orcpt.slice(0, semicolon).trim();
  const given = orcpt.slice(semicolon + 1).trim();
  const address = decodeXtext(given) ?? given;
  const typed = typedAddress(address);
  return headerText(typed.startsWith('utf-8;') ? typed : `${type}; ${address}`, 900);
}

/** The reply's own status code where it has one that fits what happened, else the class alone. RFC 3464 §2.3.4 */
function statusOf(reply: StoredReply, action: Action): string {
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(reply.enhanced)) return reply.enhanced;
  if (action === 'delivered' || action === 'relayed') return '2.0.0';
  return action === 'failed' && reply.code >= 500 ? '5.0.0' : '4.0.0';
}

/** `mx.example.org[192.0.2.1]:25` is `mx.example.org`. */
function hostOf(remote: string): string {
  const bracket = remote.indexOf('[');
  return headerText(bracket > 0 ? remote.slice(0, bracket) : remote, 255);
}

/** The reply in full; `smtp` where a next hop said it, a type of our own where we did. RFC 3464 §2.3.6 */
function diagnostic(reply: StoredReply): string {
  const type = reply.remote === undefined ? 'x-postrider' : 'smtp';
  const text = reply.text.replace(/\s+/g, ' ');
  return headerText(`${type}; ${replyLine({ ...reply, text })}`, 900);
}

/** `550 5.1.1 No such mailbox here`. */
export function replyLine(reply: StoredReply): string {
  return [String(reply.code), reply.enhanced, reply.text].filter((part) => part !== '').join(' ');
}

/** Whether a mailbox is a bare local part, as `postmaster` may be. */
export function isBare(address: string): boolean {
  return localPartOf(address) === address;
}
