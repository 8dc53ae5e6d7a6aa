/** Whether a message needs SMTPUTF8 for what stands in its headers, at any level (RFC 6531 §3.6, RFC 6532 §3). */
import { isAscii } from 'node:buffer';
import type { MessageContent } from '../queue/types.ts';
import { chunksOf, piecesOf } from './pieces.ts';
import { TooDeep, Walker } from './walk.ts';

/** One that is nested beyond measure is taken to need it. */
export async function hasUtf8Header(content: MessageContent): Promise<boolean> {
  let found = false;
  const walker = new Walker({
    entity({ header }) {
      found ||= header.fields.some(({ raw }) => !isAscii(raw));
    },
    body: () => undefined,
    ended: () => undefined,
    between: () => undefined,
  });
  try {
    for await (const piece of piecesOf(chunksOf(content))) {
      walker.piece(piece);
      if (found) return true;
    }
    walker.end();
  } catch (error) {
    if (error instanceof TooDeep) return true;
    throw error;
  }
  return found;
}
