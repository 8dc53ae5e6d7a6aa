/** Encodings that a report needs: text of any kind as lines that a next hop takes. */
import { isAscii } from 'node:buffer';
import { QuotedPrintableEncoder } from '../mime/encoders.ts';
import { encodeUtf8Address } from '../xtext.ts';

export const isAsciiText = (text: string): boolean => isAscii(Buffer.from(text));

const PRINTABLE = /^[\x20-\x7e\t]*$/;
/** RFC 5322 §2.1.1 */
const LONGEST_LINE = 998;

/** Whether every line is short and printable ASCII: then it can be sent as it is. */
export function isPlain(text: string): boolean {
  return text.split('\r\n').every((line) => line.length <= LONGEST_LINE && PRINTABLE.test(line));
}

/** Whether it may stand in a part of 8bit (RFC 2045 §2.8): lines that are short enough, of anything but NUL. */
export function isLines(bytes: Buffer): boolean {
  return bytes
    .toString('latin1')
    .split('\r\n')
    .every((line) => line.length <= LONGEST_LINE && !/[\0\r\n]/.test(line));
}

/** One line of text in UTF-8: control characters and what is no character become `?`; bounded in octets. */
export function utf8Text(text: string, longest: number): string {
  const octets = Buffer.from(text);
  const whole = octets.length <= longest ? text : octets.toString('utf8', 0, longest).replace(/\ufffd+$/, '');
  return whole.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}\ufffd]/gu, '?');
}

/** Quoted-printable of bytes whose lines end in CRLF or LF; the result's end in CRLF. RFC 2045 §6.7 */
export function quotedPrintable(bytes: Buffer): string {
  const lines = Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
  const encoder = new QuotedPrintableEncoder();
  return Buffer.concat([encoder.push(lines), encoder.end()]).toString('latin1');
}

/** Breaks words at `width` columns; each line gets `indent`, and a word that is longer stands alone. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(indent + line);
  return lines;
}

/** A field folded at blanks, none of which is lost (RFC 5322 §2.2.3). The value has no line breaks. */
export function field(name: string, value: string): string {
  let out = `${name}:`;
  let width = out.length;
  for (const word of value.split(' ')) {
    const fold = word !== '' && width + 1 + word.length > 78 && width > name.length + 1;
    out += `${fold ? '\r\n' : ''} ${word}`;
    width = (fold ? 0 : width) + 1 + word.length;
  }
  return out;
}

/** A mailbox for message/delivery-status, which is 7-bit: as RFC 6533 §3 has it where it isn't ASCII. */
export function typedAddress(address: string): string {
  if (/^[\x20-\x7e]*$/.test(address)) return `rfc822; ${address}`;
  return `utf-8; ${encodeUtf8Address(address)}`;
}
