/**
 * A message in the form that a next hop takes, and what MAIL says of it. What it can't take and can't be made otherwise is an
 * error, before anything is sent.
 */
import type { Envelope } from '../envelope.ts';
import { smtpError } from '../errors.ts';
import { convert } from '../mime/convert.ts';
import type { MessageContent } from '../queue/types.ts';

export interface Fitted {
  readonly content: MessageContent;
  /** BODY=, where it is to be said. */
  readonly body: 'BINARYMIME' | '8BITMIME' | undefined;
  readonly needsUtf8: boolean;
}

type Extensions = ReadonlyMap<string, string>;

/** A promise only where it has to be converted: most messages go as they are. */
export function fitFor(
  envelope: Envelope,
  recipients: readonly string[],
  content: MessageContent,
  extensions: Extensions,
): Fitted | Promise<Fitted> {
  const addresses = [envelope.from, ...recipients];
  if (addresses.some((address) => UNSENDABLE.test(address))) {
    throw smtpError('badArguments', { detail: 'a control character in an address' });
  }
  const needsUtf8 = envelope.smtputf8 === true || addresses.some((address) => NON_ASCII.test(address));
  if (needsUtf8 && !extensions.has('SMTPUTF8')) throw smtpError('notSmtpUtf8');
  const isBinary = envelope.bodyType === 'BINARYMIME';
  const body = isBinary ? 'BINARYMIME' : envelope.eightBit === true ? '8BITMIME' : undefined;
  if (body === undefined || takes(body, extensions)) return sized({ content, body, needsUtf8 }, extensions);
  const target = extensions.has('8BITMIME') ? '8bit' : '7bit';
  // RFC 6152 §3, RFC 3030 §3
  return convert(content, target).then((converted) =>
    sized({ content: converted, body: target === '8bit' ? '8BITMIME' : undefined, needsUtf8 }, extensions),
  );
}

// RFC 3030 §3: binary content goes by BDAT alone.
const takes = (body: NonNullable<Fitted['body']>, extensions: Extensions): boolean =>
  extensions.has(body) && (body === '8BITMIME' || extensions.has('CHUNKING'));

function sized(fitted: Fitted, extensions: Extensions): Fitted {
  const { size } = fitted.content;
  // RFC 1870 §3: zero, or nothing, is no fixed limit.
  const limit = Number(extensions.get('SIZE') ?? 0);
  if (limit > 0 && size > limit) throw smtpError('nextHopSize', { detail: `${size} bytes, of ${limit}` });
  return fitted;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what would end the command is looked for
const UNSENDABLE = /[\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is asked about
const NON_ASCII = /[^\u0000-\u007f]/;
