/**
 * The report in a mail (RFC 8460 §5.3): the first part of one of its two media types, whatever the mail is besides. What is in a message
 * within the message is none: a report that came back to whoever sent it. Rejects with a `ReportRefusal`, or as the content's stream does.
 */
import type { EntityHeader } from '../../mime/header.ts';
import { chunksOf, piecesOf } from '../../mime/pieces.ts';
import { type Entity, TooDeep, Walker } from '../../mime/walk.ts';
import type { MessageContent } from '../../queue/types.ts';
import { fromQuotedPrintable } from './quoted-printable.ts';
import { LARGEST_REPORT } from './read.ts';
import { ReportRefusal } from './refusal.ts';

export const REPORT_TYPES: ReadonlySet<string> = new Set([
  'application/tlsrpt+gzip',
  'application/tlsrpt+json',
]);

/** A report in base64, with its line ends, and what a mail has besides. */
const LARGEST_MESSAGE = LARGEST_REPORT * 1.5;

export async function reportIn(content: MessageContent): Promise<Buffer> {
  if (content.size > LARGEST_MESSAGE) {
    throw new ReportRefusal('tooLarge', `the message is of more than ${LARGEST_MESSAGE} bytes`);
  }
  const parts: Buffer[] = [];
  let found: Entity | undefined;
  const walker = new Walker({
    entity(entity) {
      if (found === undefined && isReport(entity)) found = entity;
    },
    body(entity, bytes) {
      if (entity === found) parts.push(bytes);
    },
    ended: () => {},
    between: () => {},
  });
  try {
    for await (const piece of piecesOf(chunksOf(content))) walker.piece(piece);
    walker.end();
  } catch (cause) {
    if (cause instanceof TooDeep) throw new ReportRefusal('invalid', cause.message, { cause });
    throw cause;
  }
  if (found === undefined) throw new ReportRefusal('invalid', 'the message has no part with a report');
  return decoded(Buffer.concat(parts), found.header);
}

function isReport({ kind, header, parent }: Entity): boolean {
  if (kind !== 'leaf' || !REPORT_TYPES.has(header.type ?? '')) return false;
  for (let at = parent; at !== undefined; at = at.parent) if (at.kind === 'message') return false;
  return true;
}

/** RFC 2045 §6 */
function decoded(body: Buffer, { encoding = '7bit' }: EntityHeader): Buffer {
  if (encoding === 'base64') return Buffer.from(body.toString('latin1'), 'base64');
  if (encoding === 'quoted-printable') return fromQuotedPrintable(body);
  return body;
}
