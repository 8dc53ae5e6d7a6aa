/**
 * The report in a mail (RFC 8460 §5.3): the first part of one of its two media types, whatever the mail is besides. What is in a message
 * within the message is none: a report that came back to whoever sent it. What it costs is bounded: by what a report may be of, and by
 * lines, and what is behind the report isn't read. Rejects with a `ReportRefusal`, or as the content's stream does.
 */
import type { EntityHeader } from '../../mime/header.ts';
import { chunksOf, piecesOf } from '../../mime/pieces.ts';
import { type Entity, TooDeep, Walker } from '../../mime/walk.ts';
import type { MessageContent } from '../../queue/types.ts';
import { Gathered } from './gathered.ts';
import { fromQuotedPrintable } from './quoted-printable.ts';
import { LARGEST_REPORT } from './read.ts';
import { ReportRefusal } from './refusal.ts';

export const REPORT_TYPES: ReadonlySet<string> = new Set([
  'application/tlsrpt+gzip',
  'application/tlsrpt+json',
]);

/** A report in base64, with its line ends, and what a mail has besides. */
const LARGEST_MESSAGE = LARGEST_REPORT * 1.5;
/** Each costs time of a processor, be it empty: the largest report has 190,000 of them in base64. */
const MOST_LINES = 400_000;

export async function reportIn(content: MessageContent): Promise<Buffer> {
  if (content.size > LARGEST_MESSAGE) {
    throw new ReportRefusal('tooLarge', `the message is of more than ${LARGEST_MESSAGE} bytes`);
  }
  let found: Entity | undefined;
  let isWhole = false;
  let body = new Gathered(0);
  const walker = new Walker({
    entity(entity) {
      if (found !== undefined || !isReport(entity)) return;
      found = entity;
      body = new Gathered(isEncoded(entity.header) ? LARGEST_MESSAGE : LARGEST_REPORT);
    },
    body(entity, bytes) {
      if (entity === found && !body.add(bytes)) {
        throw new ReportRefusal('tooLarge', `it is of more than ${LARGEST_REPORT} bytes`);
      }
    },
    ended(entity) {
      if (entity === found) isWhole = true;
    },
    between: () => {},
  });
  let lines = 0;
  try {
    for await (const piece of piecesOf(chunksOf(content))) {
      lines += 1;
      if (lines > MOST_LINES) {
        throw new ReportRefusal('tooLarge', `the message is of more than ${MOST_LINES} lines`);
      }
      walker.piece(piece);
      if (isWhole) break;
    }
    if (!isWhole) walker.end();
  } catch (cause) {
    if (cause instanceof TooDeep) throw new ReportRefusal('invalid', cause.message, { cause });
    throw cause;
  }
  if (found === undefined) throw new ReportRefusal('invalid', 'the message has no part with a report');
  return decoded(body.bytes(), found.header);
}

function isReport({ kind, header, parent }: Entity): boolean {
  if (kind !== 'leaf' || !REPORT_TYPES.has(header.type ?? '')) return false;
  for (let at = parent; at !== undefined; at = at.parent) if (at.kind === 'message') return false;
  return true;
}

const isEncoded = ({ encoding }: EntityHeader) => encoding === 'base64' || encoding === 'quoted-printable';

/** RFC 2045 §6 */
function decoded(body: Buffer, { encoding = '7bit' }: EntityHeader): Buffer {
  if (encoding === 'base64') return Buffer.from(body.toString('latin1'), 'base64');
  if (encoding === 'quoted-printable') return fromQuotedPrintable(body);
  return body;
}
