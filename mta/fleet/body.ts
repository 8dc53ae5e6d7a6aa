/** Bodies of calls between members: JSON, or bytes, of a bounded size. */
import { Readable } from 'node:stream';
import { PostriderError } from '../errors.ts';

/** What a call without a bound of its own may bring. */
export const LARGEST_JSON = 4 * 1024 * 1024;

/** Rejects with `UsageError`; a body that is too large is left open, for whoever called to answer or to destroy. */
export async function readBytes(body: Readable, largest: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body.iterator({ destroyOnReturn: false })) {
    size += (piece as Buffer).length;
    if (size > largest) {
      throw new PostriderError('UsageError', `the body is larger than ${largest} bytes`);
    }
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

/** Undefined where there is none. Rejects as `readBytes` does. */
export async function readJson(body: Readable, largest = LARGEST_JSON): Promise<unknown> {
  const bytes = await readBytes(body, largest);
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new PostriderError('UsageError', 'the body is not JSON', { cause: error });
  }
}

export interface Encoded {
  readonly type: 'application/json' | 'application/octet-stream';
  readonly body: Buffer | Readable;
}

/** How a value goes over the wire: bytes as they are, anything else as JSON; undefined is no body. */
export function encode(value: unknown): Encoded {
  if (value instanceof Readable) return { type: 'application/octet-stream', body: value };
  if (value instanceof Uint8Array) return { type: 'application/octet-stream', body: Buffer.from(value) };
  const text = value === undefined ? '' : JSON.stringify(value);
  return { type: 'application/json', body: Buffer.from(text) };
}
