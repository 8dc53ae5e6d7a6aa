/**
 * Reverse-paths and forward-paths of MAIL and RCPT (RFC 5321 §4.1.2). Pure. Addresses are kept byte for byte: nothing
 * is unquoted, lowered or converted. Source routes are accepted and ignored (RFC 5321 §4.1.1.3, appendix C).
 *
 * Looser than the grammar where real senders are: spaces may stand after the colon, local parts may be longer than 64
 * octets as long as the path is not too long, and domain labels may hold an underscore.
 * Fails with `undefined` for bad syntax.
 */
import { isUtf8 } from 'node:buffer';
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export interface Path {
  /** Mailbox without brackets; empty for `<>`. Octets above 127 are read as UTF-8 (RFC 6531 §3.3). */
  readonly address: string;
  /** What follows the closing bracket, without leading spaces: the parameters. */
  readonly rest: string;
}

// RFC 5321 §4.5.3.1.3: 256 octets with the brackets.
const LONGEST_MAILBOX = 254;
// RFC 5321 §4.5.3.1.2
const LONGEST_DOMAIN = 255;
// RFC 6531 §3.3 adds what is not ASCII; U+0080 to U+009F are control characters.
const DOT_STRING =
  /^[\w!#$%&'*+\-/=?^`{|}~\u00a0-\u{10ffff}]+(?:\.[\w!#$%&'*+\-/=?^`{|}~\u00a0-\u{10ffff}]+)*$/u;
const QUOTED_STRING = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a0-\u{10ffff}]|\\[\x20-\x7e])*"$/u;
const DOMAIN = /^\w(?:[\w-]{0,61}\w)?(?:\.\w(?:[\w-]{0,61}\w)?)*$/;
// RFC 5890 §2.3.2.1
const OUTER_HYPHEN = /(?:^|\.)-|-(?:\.|$)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the octets that are not ASCII are what this looks for
const NON_ASCII = /[^\x00-\x7f]/;

/** Parses what follows `MAIL FROM:` or `RCPT TO:`, each octet as one character. */
export function parsePath(text: string): Path | undefined {
  const start = skipSpaces(text, 0);
  if (text[start] !== '<') return undefined;
  const end = closingBracket(text, start + 1);
  if (end < 0) return undefined;
  const after = skipSpaces(text, end + 1);
  // Parameters are set off by a space.
  if (after === end + 1 && after < text.length) return undefined;
  const address = withoutRoute(text.slice(start + 1, end));
  if (address === undefined) return undefined;
  const rest = text.slice(after);
  if (!isInternational(address)) return { address, rest };
  const octets = Buffer.from(address, 'latin1');
  return isUtf8(octets) ? { address: octets.toString('utf8'), rest } : undefined;
}

/** Whether an address is not ASCII: it needs SMTPUTF8. */
export const isInternational = (address: string): boolean => NON_ASCII.test(address);

/** Whether this is a Mailbox of RFC 5321 §4.1.2, as RFC 6531 §3.3 extends it: `local-part@domain` or `local-part@[literal]`. */
export function isMailbox(address: string): boolean {
  if (Buffer.byteLength(address) > LONGEST_MAILBOX) return false;
  const at = address.lastIndexOf('@');
  if (at < 1) return false;
  const local = address.slice(0, at);
  return (local[0] === '"' ? QUOTED_STRING : DOT_STRING).test(local) && isDomain(address.slice(at + 1));
}

/** Domain name, or an address literal of RFC 5321 §4.1.3. */
export function isDomain(text: string): boolean {
  if (text[0] !== '[') {
    const ascii = isInternational(text) ? domainToASCII(text) : text;
    if (OUTER_HYPHEN.test(text)) return false;
    return ascii.length <= LONGEST_DOMAIN && DOMAIN.test(ascii);
  }
  if (!text.endsWith(']')) return false;
  const content = text.slice(1, -1);
  return /^IPv6:/i.test(content) ? isIPv6(content.slice(5)) : isIPv4(content);
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}

/** Index of the `>` that is not inside a quoted string, or -1. */
function closingBracket(text: string, from: number): number {
  let quoted = false;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === '>') return at;
    else if (!quoted && character === '<') return -1;
  }
  return -1;
}

/** `@a.example,@b.example:anna@c.example` → `anna@c.example`. */
function withoutRoute(path: string): string | undefined {
  if (path[0] !== '@') return path;
  const colon = path.indexOf(':');
  if (colon < 0) return undefined;
  const hops = path.slice(0, colon).split(',');
  return hops.every((hop) => hop[0] === '@' && DOMAIN.test(hop.slice(1))) ? path.slice(colon + 1) : undefined;
}
