/**
 * Header fields with octets above 127, as ASCII: text and names as encoded-words (RFC 2047), parameters as RFC 2231 has
 * them. What stands in an address, or in a field that machines read, has no such form: it needs SMTPUTF8. Pure.
 */
import { isUtf8 } from 'node:buffer';

/** RFC 2047 §2 */
const LONGEST_WORD = 75;
const ADDRESSES = new Set([
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'],
  ...['resent-from', 'resent-sender', 'resent-to', 'resent-cc', 'resent-bcc'],
]);
const PARAMETERS = new Set(['content-type', 'content-disposition']);
/** Unstructured (RFC 5322 §3.6.5), as are those that nobody has defined. */
const isText = (name: string): boolean =>
  ['subject', 'comments', 'keywords', 'content-description', 'organization', 'thread-topic'].includes(name) ||
  name.startsWith('x-');

/** The whole field with its line ends, in ASCII; undefined where that can't be. */
export function asciiField(name: string, raw: Buffer): Buffer | undefined {
  const text = raw.toString('latin1');
  const colon = text.indexOf(':') + 1;
  const value = text.slice(colon);
  const charset = isUtf8(raw) ? 'utf-8' : 'unknown-8bit';
  const ascii = isText(name)
    ? asciiText(value, charset)
    : ADDRESSES.has(name)
      ? asciiAddresses(value, charset)
      : PARAMETERS.has(name)
        ? asciiParameters(value, charset)
        : undefined;
  return ascii === undefined || HIGH.test(text.slice(0, colon))
    ? undefined
    : Buffer.from(text.slice(0, colon) + ascii, 'latin1');
}

const HIGH = /[\x80-\xff]/;

/** Words that have to be encoded, with the blanks between them: a reader drops those between encoded-words. */
function asciiText(value: string, charset: string): string {
  // Words and blanks in turn: a pattern for what has to be encoded would be searched for again from each character.
  const parts = value.split(/(\s+)/);
  let out = '';
  for (let at = 0; at < parts.length; at += 1) {
    let run = parts[at]!;
    if (!HIGH.test(run)) {
      out += run;
      continue;
    }
    for (; HIGH.test(parts[at + 2] ?? ''); at += 2) run += `${parts[at + 1]}${parts[at + 2]}`;
    out += words(run, charset);
  }
  return out;
}

// What begins and never ends reaches to the end: it isn't searched again from each of its characters.
const QUOTED = '"(?:[^"\\\\]|\\\\[\\s\\S])*(?:"|\\\\?$)';
const COMMENT = '\\((?:[^()\\\\]|\\\\[\\s\\S])*(?:\\)|\\\\?$)';
const ANGLE = '<[^>]*(?:>|$)';
const ATOMS = '[^\\s"()<>,:;]+';
const TOKENS = new RegExp(`(${QUOTED})(@?)|(${COMMENT})|(${ANGLE})|(${ATOMS}(?:[ \\t]+${ATOMS})*)`, 'g');

/** Names and comments; undefined where it is in an address. */
function asciiAddresses(value: string, charset: string): string | undefined {
  let isPossible = true;
  const ascii = value.replace(TOKENS, (token, quoted, at, comment, _, atoms) => {
    if (!HIGH.test(token)) return token;
    if (quoted !== undefined && at === '') {
      return words(quoted.slice(1, -1).replace(/\\([\s\S])/g, '$1'), charset);
    }
    if (comment !== undefined) {
      return `(${words(comment.slice(1, -1).replace(/\\([\s\S])/g, '$1'), charset)})`;
    }
    if (atoms !== undefined && !atoms.includes('@')) return words(atoms, charset);
    isPossible = false;
    return token;
  });
  return isPossible && !HIGH.test(ascii) ? ascii : undefined;
}

const PARAMETER = new RegExp(`;(\\s*)([^\\s=;"*]+)\\s*=\\s*(?:(${QUOTED})|([^\\s;"]+))`, 'g');

/** RFC 2231 §4 */
function asciiParameters(value: string, charset: string): string | undefined {
  const ascii = value.replace(PARAMETER, (whole, blanks, name, quoted, token) => {
    if (!HIGH.test(whole)) return whole;
    const plain = quoted === undefined ? token : quoted.slice(1, -1).replace(/\\([\s\S])/g, '$1');
    const percent = plain.replace(/[^A-Za-z0-9._-]/g, (octet: string) => `%${hex(octet)}`);
    return `;${blanks}${name}*=${charset}''${percent}`;
  });
  return HIGH.test(ascii) ? undefined : ascii;
}

/** As encoded-words, each in a line of its own but for the first; none ends in the middle of a character. */
function words(text: string, charset: string): string {
  const plain = text.replace(/\r?\n(?=[ \t])/g, '');
  const [open, close] = [`=?${charset}?Q?`, '?='];
  const found: string[] = [];
  let word = '';
  for (const character of charactersOf(plain, charset)) {
    const encoded = character.replace(/[^A-Za-z0-9!*+/-]/g, (octet) =>
      octet === ' ' ? '_' : `=${hex(octet)}`,
    );
    if (open.length + word.length + encoded.length + close.length > LONGEST_WORD) {
      found.push(word);
      word = '';
    }
    word += encoded;
  }
  return [...found, word].map((each) => `${open}${each}${close}`).join('\r\n ');
}

/** Each as the octets that it has. */
function charactersOf(text: string, charset: string): Iterable<string> {
  if (charset !== 'utf-8') return text;
  const decoded = Buffer.from(text, 'latin1').toString('utf8');
  return Array.from(decoded, (character) => Buffer.from(character).toString('latin1'));
}

const hex = (octet: string): string => octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
