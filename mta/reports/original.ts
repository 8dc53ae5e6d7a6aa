/** What a report returns of the message that it is about. Reading fails as the queue's disk does. */
import type { MessageContent } from '../queue/types.ts';
import { scanHeader } from '../trace.ts';
import type { Original } from './types.ts';

/** Most of an original that a report holds; a longer one is returned by its header alone. */
export const RETURN_BYTES = 64 * 1024;

/** The first `longest` bytes of a message's content. */
export async function readOriginal(content: MessageContent, longest = RETURN_BYTES): Promise<Original> {
  if (content.bytes !== undefined) {
    return { bytes: content.bytes.subarray(0, longest), complete: content.bytes.length <= longest };
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content.stream()) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > longest) break;
  }
  const bytes = Buffer.concat(chunks);
  return { bytes: bytes.subarray(0, longest), complete: bytes.length <= longest };
}

/** The header as whole lines, without the empty line behind it. */
export function headerOf(original: Original): Buffer {
  const { bytes } = original;
  const { end } = scanHeader(bytes);
  const until = end < 0 ? bytes.lastIndexOf(0x0a) + 1 : end - (bytes[end - 2] === 0x0d ? 2 : 1);
  return bytes.subarray(0, until);
}
