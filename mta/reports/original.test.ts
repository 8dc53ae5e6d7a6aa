import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { MessageContent } from '../queue/types.ts';
import { headerOf, readOriginal } from './original.ts';

function streamed(bytes: Buffer): { content: MessageContent; read: () => number } {
  let read = 0;
  const stream = () =>
    Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += 10) {
          read = at + 10;
          yield bytes.subarray(at, at + 10);
        }
      })(),
    );
  return { content: { size: bytes.length, bytes: undefined, stream }, read: () => read };
}

describe('readOriginal', () => {
  const bytes = Buffer.from('0123456789'.repeat(100));

  it('takes what is in memory', async () => {
    const content = { size: bytes.length, bytes, stream: () => Readable.from([]) };
    expect(await readOriginal(content, 1000)).toEqual({ bytes, complete: true });
    expect(await readOriginal(content, 999)).toEqual({ bytes: bytes.subarray(0, 999), complete: false });
  });

  it('reads no more of a file than it needs', async () => {
    const { content, read } = streamed(bytes);
    const original = await readOriginal(content, 45);
    expect(original).toEqual({ bytes: bytes.subarray(0, 45), complete: false });
    expect(read()).toBeLessThan(200);
  });

  it('knows a file that fits exactly', async () => {
    expect(await readOriginal(streamed(bytes).content, 1000)).toEqual({ bytes, complete: true });
  });
});

describe('headerOf', () => {
  it.each([
    ['A: b\r\nC: d\r\n\r\nbody', 'A: b\r\nC: d\r\n'],
    ['A: b\nC: d\n\nbody', 'A: b\nC: d\n'],
    ['A: b\r\nC: cut off', 'A: b\r\n'],
    ['\r\nbody', ''],
    ['', ''],
  ])('%j', (content, header) => {
    expect(headerOf({ bytes: Buffer.from(content), complete: true }).toString()).toBe(header);
  });
});
