import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { contentOf, hopTo, send, streamOf } from './testing/send.ts';
import { SHORT, usePeers } from './testing/use-peers.ts';

const { peerOf, pool } = usePeers();

describe('large content', () => {
  const line = Buffer.from(`${'x'.repeat(77)}\r\n`);
  const large = Buffer.concat(
    Array.from({ length: 20_000 }, (_, at) => (at % 100 === 0 ? Buffer.from('.dot\r\n') : line)),
  );
  const wire = Buffer.from(`.${large.toString().replaceAll('\n.', '\n..')}.\r\n`);

  it('arrives as it is, from memory', async () => {
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port), { content: contentOf(large) });
    expect(peer.contents[0]?.equals(wire)).toBe(true);
  });

  it('arrives as it is, from a stream cut anywhere', async () => {
    const chunks: Buffer[] = [];
    for (let at = 0; at < large.length; ) {
      const size = 1 + (randomBytes(2).readUInt16BE() % 30_000);
      chunks.push(large.subarray(at, at + size));
      at += size;
    }
    const peer = await peerOf();
    await send(pool(), hopTo(peer.port), { content: streamOf(chunks) });
    expect(peer.contents[0]?.equals(wire)).toBe(true);
  });

  it('is not read faster than a next hop takes it, whose silence ends the transaction', async () => {
    const peer = await peerOf({ deaf: true });
    let read = 0;
    let closed = false;
    const source = async function* () {
      try {
        for (; read < 1000; read++) {
          yield Buffer.alloc(65_536, 'a\r\n');
        }
      } finally {
        closed = true;
      }
    };
    const content = { size: 1, bytes: undefined, stream: () => Readable.from(source()) };
    await expect(send(pool(SHORT), hopTo(peer.port), { content })).rejects.toMatchObject({
      code: 451,
      enhanced: '4.4.2',
      uncertain: false,
    });
    // What fits into the sockets' buffers of the system, and no more.
    expect(read).toBeLessThan(400);
    await expect.poll(() => closed).toBe(true);
  });

  it.each([65_534, 65_536, 65_538, 131_072])('of %i bytes is answered once', async (size) => {
    const content = Buffer.alloc(size, 'a\r\n'.padEnd(16, 'b'));
    const peer = await peerOf();
    for (const sent of [contentOf(content), streamOf([content])]) {
      expect(await send(pool(), hopTo(peer.port), { content: sent })).toMatchObject([{ code: 250 }]);
    }
    expect(peer.contents.map(({ length }) => length)).toEqual([size + 5, size + 5]);
  });

  it('of many recipients is more than a socket takes at once', async () => {
    const peer = await peerOf();
    const to = Array.from({ length: 5000 }, (_, at) => `recipient-number-${at}@peer.test`);
    const replies = await send(pool(), hopTo(peer.port), { to });
    expect(replies.filter(({ code }) => code === 250)).toHaveLength(5000);
  });

  it('that can’t be read is not ended with a dot', async () => {
    const peer = await peerOf();
    const failing = async function* () {
      yield Buffer.alloc(100_000, 'a\r\n');
      throw new Error('EIO');
    };
    const content = { size: 1, bytes: undefined, stream: () => Readable.from(failing()) };
    await expect(send(pool(), hopTo(peer.port), { content })).rejects.toMatchObject({
      code: 451,
      enhanced: '4.3.0',
      blame: 'us',
    });
    await expect.poll(() => peer.partial.length).toBe(1);
    expect(peer.contents).toEqual([]);
  });
});
