/**
 * Reads a body file back, a piece at a time. Fails with `QueueDamaged` where its content is not what was written to it,
 * and then before the last piece has been given away: nobody can take what is damaged for a whole message. Fails with the
 * disk's error, or a plain one where the file ends early: it may be seen whole from here a moment later.
 */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { PostriderError } from '../errors.ts';
import type { Disk } from './disk.ts';

const CHUNK = 1 << 16;

export interface BodyToRead {
  readonly path: string;
  readonly size: number;
  /** CRC-32 of the content; not checked where undefined. */
  readonly crc: number | undefined;
}

/** A stream of the content; its file is closed with it. */
export const readBody = (disk: Disk, body: BodyToRead): Readable =>
  Readable.from(chunksOf(disk, body), { objectMode: false, highWaterMark: CHUNK });

/** Rejects as the stream does. */
export async function checkBody(disk: Disk, body: BodyToRead): Promise<void> {
  for await (const _ of chunksOf(disk, body));
}

async function* chunksOf(disk: Disk, { path, size, crc }: BodyToRead): AsyncGenerator<Buffer, void> {
  const file = await disk.open(path);
  try {
    let sum = 0;
    for (let at = 0; at < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - at));
      const read = await file.read(chunk, at);
      if (read < chunk.length) throw new Error(`body ends at ${at + read} of ${size} bytes`);
      if (crc !== undefined) sum = crc32(chunk, sum);
      at += read;
      if (at === size && crc !== undefined && sum !== crc) throw damaged(path);
      yield chunk;
    }
  } finally {
    await file.close().catch(() => undefined);
  }
}

const damaged = (path: string): PostriderError =>
  new PostriderError('QueueDamaged', `the content in ${path} is not what was written there`, {
    hint: 'The disk has changed it: check the disk, and restore the message from elsewhere.',
  });
