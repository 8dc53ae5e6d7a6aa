/** Replies as they go over the wire (RFC 5321 §4.2): printable ASCII, one line each unless a list is given. */
import type { SmtpError } from '../errors.ts';

// RFC 5321 §4.5.3.1.5: 512 octets with code and CRLF.
const LONGEST_TEXT = 490;
const UNPRINTABLE = /[^\x20-\x7e]/g;

/** @param enhanced absent in the replies that RFC 2034 §4 excepts: greeting, HELO, EHLO, 3yz */
export function reply(code: number, enhanced: string | undefined, text: string): string {
  const line = printable(text);
  return enhanced === undefined ? `${code} ${line}\r\n` : `${code} ${enhanced} ${line}\r\n`;
}

/** A refusal; 421 names the host (RFC 5321 §4.2.3). */
export function refusal(error: SmtpError, hostname: string): string {
  return reply(
    error.code,
    error.enhanced,
    error.code === 421 ? `${hostname} ${error.message}` : error.message,
  );
}

/** RFC 5321 §4.2.1: every line but the last has a hyphen after its code. */
export function multiline(code: number, lines: readonly string[]): string {
  return lines
    .map((line, index) => `${code}${index < lines.length - 1 ? '-' : ' '}${printable(line)}\r\n`)
    .join('');
}

/** Text that came from elsewhere must not end the line, nor make it too long. */
function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ').slice(0, LONGEST_TEXT);
}
