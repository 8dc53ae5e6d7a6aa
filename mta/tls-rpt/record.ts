/**
 * The TXT records at `_smtp._tls` of a domain: whether it wants reports, and where (RFC 8460 §3). Pure; what is malformed is as if there were
 * none.
 */
import { isMailbox } from '../listen/path.ts';

export type Destination =
  | { readonly kind: 'mailto'; readonly uri: string; readonly address: string }
  | { readonly kind: 'https'; readonly uri: string };

/** Places that one domain's reports go to: none of them was asked whether it wants any. */
const MOST = 3;
const LONGEST_URI = 2000;

const VERSION = 'v=TLSRPTv1';
/** Between fields, and after the last one. */
const DELIMITER = /[ \t]*;[ \t]*/;
const RUA = 'rua=';
/** RFC 8460 §3, which takes what is a key and a value: `=` in the value is no reason to send no reports. */
const EXTENSION = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c-\x7e]+$/;

/**
 * Where reports go, in the order of the record; undefined where the domain asks for none. Empty where it names places of a kind that nobody
 * can send to.
 *
 * @param texts each record, its strings put together
 */
export function readRecords(texts: readonly string[]): readonly Destination[] | undefined {
  const ours = texts.filter((text) => /^v=TLSRPTv1[ \t]*;/.test(text));
  return ours.length === 1 ? destinationsOf(ours[0]!) : undefined;
}

function destinationsOf(text: string): readonly Destination[] | undefined {
  const fields = text.slice(VERSION.length).split(DELIMITER).slice(1);
  if (fields.at(-1) === '') fields.pop();
  const ruas: string[] = [];
  for (const field of fields) {
    if (field.startsWith(RUA)) ruas.push(field.slice(RUA.length));
    // RFC 8460 §3: fields that nobody knows are ignored.
    else if (!EXTENSION.test(field)) return undefined;
  }
  const [rua] = ruas;
  if (rua === undefined) return undefined;
  const uris = rua.split(/[ \t]*,[ \t]*/);
  const found = new Map(uris.slice(0, MOST).map((uri) => [uri, destinationOf(uri)]));
  return [...found.values()].filter((each) => each !== undefined);
}

/** Undefined for what no report can be sent to. */
export function destinationOf(uri: string): Destination | undefined {
  if (uri.length > LONGEST_URI || !/^[\x21-\x7e]+$/.test(uri)) return undefined;
  // RFC 3986 §3.1: without regard to case
  if (/^https:\/\//i.test(uri)) return httpsOf(uri);
  return /^mailto:/i.test(uri) ? mailtoOf(uri) : undefined;
}

function httpsOf(uri: string): Destination | undefined {
  const url = URL.parse(uri);
  // Passwords of theirs aren't ours to send.
  return url === null || url.username !== '' || url.password !== '' ? undefined : { kind: 'https', uri };
}

/** RFC 6068 §2, of one address; fields that it may ask for are not ours to write. */
function mailtoOf(uri: string): Destination | undefined {
  const [encoded = ''] = uri.slice('mailto:'.length).split(/[?#]/);
  let address: string;
  try {
    address = decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
  return /^[\x20-\x7e]+$/.test(address) && isMailbox(address) ? { kind: 'mailto', uri, address } : undefined;
}
