/**
 * The body of a request: multipart/form-data (RFC 7578) with two parts, the envelope as JSON and then the message, byte
 * for byte. What stands around the message is known before it is read, and so is the length of it all. Pure.
 */
import type { Envelope, Recipient } from '../../envelope.ts';
import type { MessageContent } from '../../queue/types.ts';
import type { Attempt } from '../types.ts';

export interface Addressee extends Recipient {
  /** Into the recipients of the envelope: the same with each attempt. */
  readonly index: number;
}

export interface Form {
  readonly contentType: string;
  readonly contentLength: number;
  /** What goes before the message, and after it. */
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** @param boundary must not be in the message: nobody who writes one may be able to guess it */
export function formOf(envelope: object, content: Pick<MessageContent, 'size'>, boundary: string): Form {
  const head = Buffer.from(
    [
      `--${boundary}`,
      'Content-Disposition: form-data; name="envelope"',
      'Content-Type: application/json',
      '',
      JSON.stringify(envelope),
      `--${boundary}`,
      // Without a file name it would be text to most who read forms.
      'Content-Disposition: form-data; name="message"; filename="message.eml"',
      'Content-Type: message/rfc822',
      '',
      '',
    ].join('\r\n'),
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    contentLength: head.length + content.size + tail.length,
    head,
    tail,
  };
}

/** The envelope as the receiver sees it (docs/webhook.md). Members may be added, and are left out where there is nothing to say. */
export function envelopeJson(
  envelope: Envelope,
  recipients: readonly Addressee[],
  { id, number }: Attempt,
  size: number,
): object {
  const { origin } = envelope;
  return {
    id,
    attempt: number,
    arrivedAt: new Date(envelope.arrivedAt).toISOString(),
    from: envelope.from,
    recipients: recipients.map(({ index, address, notify, orcpt }) => ({ index, address, notify, orcpt })),
    size,
    body: envelope.bodyType,
    smtputf8: envelope.smtputf8,
    ret: envelope.ret,
    envid: envelope.envid,
    origin: {
      listener: origin.listener,
      protocol: origin.protocol,
      clientAddress: origin.clientAddress,
      helo: origin.helo,
      user: origin.user,
      tls: origin.tls,
    },
  };
}
