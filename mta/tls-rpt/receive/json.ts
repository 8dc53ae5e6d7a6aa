/**
 * JSON of strangers, parsed only where it can't become much more in memory than it is on the wire: an object that takes two octets to
 * write takes fifty to keep, so what nests too deep or holds too many values is found out before anything is made of it.
 * Throws a `ReportRefusal`.
 */
import { isUtf8 } from 'node:buffer';
import { ReportRefusal } from './refusal.ts';

/** Of a report of RFC 8460 §4.4 there are six. */
const DEEPEST = 20;
/** Members and elements: a report with twenty thousand failures has fewer. */
const MOST_VALUES = 250_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

export function parseJson(bytes: Buffer): unknown {
  // RFC 7493 §2.1
  if (!isUtf8(bytes)) throw new ReportRefusal('invalid', 'it is not UTF-8');
  measure(bytes);
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (cause) {
    throw new ReportRefusal('invalid', 'it is not JSON', { cause });
  }
}

/** What isn't JSON is measured as well as may be. */
function measure(bytes: Buffer): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        values += 1;
        if (depth > DEEPEST) throw new ReportRefusal('invalid', 'its JSON nests too deep');
        break;
      case COMMA:
        values += 1;
        if (values > MOST_VALUES) throw new ReportRefusal('tooLarge', 'its JSON holds too many values');
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
    }
  }
}

/** Where its closing quote is, or the end of all. */
function endOfString(bytes: Buffer, start: number): number {
  for (let at = bytes.indexOf(QUOTE, start + 1); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let slashes = 0;
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return bytes.length;
}
