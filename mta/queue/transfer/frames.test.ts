import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seeded.ts';
import { inMemory } from '../read.ts';
import { envelopeOf, jobFor } from '../testing/test-queue.ts';
import { encodeFrame, type FrameHeader, FrameReader } from './frames.ts';

async function encoded(contents: readonly Buffer[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (const [i, content] of contents.entries()) {
    const header = { sequence: i + 1, envelope: envelopeOf(`m${i}`), jobs: [jobFor([0], { attempts: i })] };
    // As a stream, every second time.
    const source = i % 2 === 0 ? inMemory(content) : { ...inMemory(content), bytes: undefined };
    for await (const chunk of encodeFrame(header, source)) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function decoded(stream: Buffer, pieces: (left: number) => number) {
  const found: { header: FrameHeader; content: Buffer }[] = [];
  const reader = new FrameReader((header) => {
    const chunks: Buffer[] = [];
    return {
      write: (chunk) => void chunks.push(chunk),
      end: () => void found.push({ header, content: Buffer.concat(chunks) }),
    };
  });
  for (let at = 0; at < stream.length; ) {
    const length = pieces(stream.length - at);
    await reader.write(stream.subarray(at, at + length));
    at += length;
  }
  return { found, reader };
}

const CONTENTS = [
  Buffer.from('one'),
  Buffer.alloc(0),
  Buffer.alloc(3000, 'three'),
  Buffer.alloc(70_000, 'four'),
];

describe('messages in a stream', () => {
  it('arrive as they were, however the stream is cut', async () => {
    const stream = await encoded(CONTENTS);
    const { fraction } = seeded(3);
    for (const pieces of [() => 1, (left: number) => left, () => 1 + Math.floor(fraction() * 5000)]) {
      const { found, reader } = await decoded(stream, pieces);
      expect(found.map(({ content }) => content)).toEqual(CONTENTS);
      expect(found.map(({ header }) => header.jobs[0]!.attempts)).toEqual([0, 1, 2, 3]);
      expect(found[2]!.header.envelope).toEqual(envelopeOf('m2'));
      expect(reader.complete).toBe(true);
    }
  });

  it('are whole only at the end of a frame', async () => {
    const stream = await encoded(CONTENTS.slice(0, 1));
    for (let length = 1; length < stream.length; length += 1) {
      const { found, reader } = await decoded(stream.subarray(0, length), () => 7);
      expect(found).toEqual([]);
      expect(reader.complete).toBe(false);
    }
  });

  it('are refused when any bit of them has flipped', async () => {
    const stream = await encoded(CONTENTS.slice(0, 1));
    for (let bit = 0; bit < stream.length * 8; bit += 1) {
      // Two bytes are unused, but summed like the others.
      const changed = Buffer.from(stream);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const result = await decoded(changed, (left) => left).then(
        ({ found }) => found,
        () => [],
      );
      expect(result, `bit ${bit}`).toEqual([]);
    }
  });
});
