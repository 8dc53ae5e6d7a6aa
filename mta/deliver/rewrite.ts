/**
 * Rewriting of senders for a smart host that would refuse `root@some-pod`: the reverse-path, and the addresses within
 * the From field. Everything else of the message stays byte for byte as it is. Pure, but for reading the content; a
 * header block that is too large to look through passes as it is, and fails only as its source does.
 */
import { Readable } from 'node:stream';
import type { Relay } from '../config.ts';
import { domainOf, type Envelope, localPartOf } from '../envelope.ts';
import type { MessageContent } from '../queue/types.ts';
import { matchesAny, normalizeDomain } from '../route/patterns.ts';
import type { Destination } from '../route/types.ts';

type RewriteRule = Relay['rewrite']['envelopeFrom'][number];

/** The message as this destination is to have it: itself, but where a relay rewrites senders. */
export function rewriteFor(
  destination: Destination,
  message: { readonly envelope: Envelope; readonly content: MessageContent },
): { envelope: Envelope; content: MessageContent } {
  const { envelope, content } = message;
  if (destination.kind !== 'relay') {
    return { envelope, content };
  }
  const { envelopeFrom, headerFrom } = destination.relay.rewrite;
  const from = envelope.from === '' ? '' : rewriteAddress(envelopeFrom, envelope.from);
  return {
    envelope: from === envelope.from ? envelope : { ...envelope, from },
    content: headerFrom.length === 0 ? content : rewriteContent(headerFrom, content),
  };
}

/** The replacement by the first rule that matches, or the address itself. */
export function rewriteAddress(rules: readonly RewriteRule[], address: string): string {
  return rules.find((rule) => matches(rule.from, address))?.to ?? address;
}

/** `anna@example.org`, `anna@*`, `*@*.example.org`, `anna` for any domain, `*` for any address. */
function matches(pattern: string, address: string): boolean {
  const [localPart, domain] = [localPartOf(pattern).toLowerCase(), domainOf(pattern) ?? '*'];
  return (
    (localPart === '*' || localPart === localPartOf(address).toLowerCase()) &&
    (domain === '*' ||
      matchesAny(new Set([normalizeDomain(domain)]), normalizeDomain(domainOf(address) ?? '')))
  );
}

/** The header block of a message in a stream is kept in memory up to this; a longer one is not rewritten. */
const LONGEST_HEADER = 256 * 1024;

function rewriteContent(rules: readonly RewriteRule[], content: MessageContent): MessageContent {
  if (content.bytes !== undefined) {
    const bytes = rewriteFromField(rules, content.bytes);
    return { size: bytes.length, bytes, stream: () => Readable.from([bytes]) };
  }
  // SIZE= is an estimate (RFC 1870 §5): the few bytes that the header gains are not worth a second reading.
  return {
    size: content.size,
    bytes: undefined,
    stream: () => Readable.from(rewriteStream(rules, content), { objectMode: false }),
  };
}

async function* rewriteStream(
  rules: readonly RewriteRule[],
  content: MessageContent,
): AsyncGenerator<Buffer, void, undefined> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of content.stream() as AsyncIterable<Buffer>) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.includes('\r\n\r\n') || head.length > LONGEST_HEADER) {
      yield rewriteFromField(rules, head);
      head = undefined;
    }
  }
  if (head !== undefined) {
    yield rewriteFromField(rules, head);
  }
}

/** `bytes` hold the whole header block; a From field that ends outside of it is left alone. */
export function rewriteFromField(rules: readonly RewriteRule[], bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let done = 0;
  for (const { start, end } of fromFields(bytes)) {
    // Octets, not characters: what isn't ASCII passes unchanged through latin1.
    const value = bytes.toString('latin1', start, end);
    const rewritten = rewriteMailboxes(value, (address) => rewriteAddress(rules, address));
    if (rewritten !== value) {
      parts.push(bytes.subarray(done, start), Buffer.from(rewritten, 'latin1'));
      done = end;
    }
  }
  return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(done)]);
}

/** Values of From fields, folded lines included, without their last CRLF (RFC 5322 §2.2.3). */
function* fromFields(bytes: Buffer): Generator<{ start: number; end: number }> {
  for (let line = 0; line < bytes.length; ) {
    let end = bytes.indexOf('\r\n', line);
    while (end >= 0 && (bytes[end + 2] === 0x20 || bytes[end + 2] === 0x09)) {
      end = bytes.indexOf('\r\n', end + 2);
    }
    if (end < 0 || end === line) {
      return;
    }
    const name = /^from[ \t]*:/i.exec(bytes.toString('latin1', line, Math.min(line + 64, end)));
    if (name !== null) {
      yield { start: line + name[0].length, end };
    }
    line = end + 2;
  }
}

/**
 * Replaces each addr-spec of a mailbox list (RFC 5322 §3.4) and nothing else: quoted strings that aren't local parts,
 * comments, names and white space stay.
 */
function rewriteMailboxes(value: string, replace: (address: string) => string): string {
  return value.replace(TOKENS, (token, address: string | undefined) =>
    address === undefined ? token : replace(address),
  );
}

const ATOM = '[^\\s()<>@,;:\\\\"\\[\\]]+';
const QUOTED = '"(?:[^"\\\\]|\\\\[\\s\\S])*';
const DOMAIN = `(?:\\[[^[\\]\\s]*\\]|${ATOM})`;
const COMMENT = '\\((?:[^()\\\\]|\\\\[\\s\\S]|\\((?:[^()\\\\]|\\\\[\\s\\S])*\\))*';
// An address, or else something to step over whole: a quoted string, a comment (as deep as mail has them), a word.
// What begins and never ends reaches to the end: searching it again from each of its quotes would take for ever.
const TOKENS = new RegExp(
  `((?:${QUOTED}"|${ATOM})@${DOMAIN})|${QUOTED}(?:"|\\\\?$)|${COMMENT}(?:\\)|\\\\?$)|${ATOM}`,
  'g',
);
