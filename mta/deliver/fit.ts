/**
 * A message in the form that a next hop takes, and what MAIL and RCPT say of it. What it can't take and can't be made otherwise is
 * an error, before anything is sent.
 */
import { type Envelope, localPartOf, withAsciiDomain } from '../envelope.ts';
import { smtpError } from '../errors.ts';
import { convert } from '../mime/convert.ts';
import { lookInto } from '../mime/international.ts';
import type { MessageContent } from '../queue/types.ts';
import { encodeUnitext } from '../xtext.ts';

export interface Fitted {
  readonly content: MessageContent;
  /** BODY=, where it is to be said. */
  readonly body: 'BINARYMIME' | '8BITMIME' | undefined;
  readonly saysUtf8: boolean;
  /** An address, and the value of an ORCPT, as this next hop is to see them. */
  readonly addressOf: (address: string) => string;
  readonly orcptOf: (orcpt: string) => string;
}

type Extensions = ReadonlyMap<string, string>;

/** A promise only where it has to be looked through, or converted: most messages go as they are. */
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
  const isBinary = envelope.bodyType === 'BINARYMIME';
  const body = isBinary ? 'BINARYMIME' : envelope.eightBit === true ? '8BITMIME' : undefined;
  const isInternational = envelope.smtputf8 === true || addresses.some((address) => NON_ASCII.test(address));
  const takesUtf8 = extensions.has('SMTPUTF8');
  // RFC 6531 §3.2: a domain has a form in ASCII, a local part has none.
  if (isInternational && !takesUtf8 && addresses.some((address) => NON_ASCII.test(localPartOf(address)))) {
    throw smtpError('notSmtpUtf8');
  }
  const fitted: Fitted = {
    ...{ content, body, saysUtf8: isInternational && takesUtf8 },
    addressOf: isInternational && !takesUtf8 ? withAsciiDomain : asItIs,
    // RFC 6533 §3: the address in an ORCPT has a form in ASCII.
    orcptOf: isInternational && !takesUtf8 ? encodeUnitext : asItIs,
  };
  const needsLook = envelope.smtputf8 === true && !takesUtf8;
  const needsChange = body !== undefined && !takes(body, extensions);
  if (!needsLook && !needsChange) return sized(fitted, extensions);
  return fitSlowly(fitted, { needsLook, needsChange }, extensions);
}

async function fitSlowly(
  fitted: Fitted,
  { needsLook, needsChange }: { readonly needsLook: boolean; readonly needsChange: boolean },
  extensions: Extensions,
): Promise<Fitted> {
  const found = needsLook ? await lookInto(fitted.content) : undefined;
  if (found?.utf8Header === true) throw smtpError('notUtf8Header');
  if (!needsChange && found?.globalPart !== true) return sized(fitted, extensions);
  // RFC 6152 §3, RFC 3030 §3, RFC 6532 §3.7
  const most = extensions.has('SMTPUTF8') ? 'utf8' : '8bit';
  const target = extensions.has('8BITMIME') ? most : '7bit';
  const content = await convert(fitted.content, target);
  return sized({ ...fitted, content, body: target === '7bit' ? undefined : '8BITMIME' }, extensions);
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

const asItIs = (text: string): string => text;

// biome-ignore lint/suspicious/noControlCharactersInRegex: what would end the command is looked for
const UNSENDABLE = /[\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is asked about
const NON_ASCII = /[^\u0000-\u007f]/;
