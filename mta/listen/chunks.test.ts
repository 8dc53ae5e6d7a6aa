import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkDecoder } from './chunks.ts';

/** Content that comes in these pieces, as one chunk. */
function decode(pieces: readonly Buffer[], lineLimit = 1000, isBinary = false) {
  const decoder = new ChunkDecoder(lineLimit, isBinary);
  const out: Buffer[] = [];
  decoder.begin(pieces.reduce((sum, { length }) => sum + length, 0));
  for (const piece of pieces) {
    expect(decoder.push(piece, (slice) => out.push(slice))).toBe(piece.length);
  }
  decoder.finish();
  return { decoder, out: Buffer.concat(out) };
}

const pieces = fc.array(
  fc
    .array(fc.constantFrom('\r\n', '\r', '\n', '.', 'ab'), { minLength: 1, maxLength: 4 })
    .map((each) => each.join('')),
  { maxLength: 8 },
);

describe('chunks', () => {
  it('pass as they are, and tell a bare CR or LF however they are cut', () => {
    fc.assert(
      fc.property(pieces, (texts) => {
        const whole = texts.join('');
        const { decoder, out } = decode(texts.map((text) => Buffer.from(text)));
        expect(out.toString()).toBe(whole);
        expect(decoder.size).toBe(whole.length);
        expect(decoder.state).toBe('ended');
        expect(decoder.isBare).toBe(/[\r\n]/.test(whole.replaceAll('\r\n', '')));
      }),
    );
  });

  it('tell a line that is too long however it is cut', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 2, max: 8 }), (texts, limit) => {
        const { decoder } = decode(
          texts.map((text) => Buffer.from(text)),
          limit,
        );
        const lines = texts.join('').split(/(?<=\n)/);
        expect(decoder.lineTooLong).toBe(lines.some(({ length }) => length > limit));
      }),
    );
  });

  it('of binary content have no lines', () => {
    const { decoder } = decode([Buffer.from('\n\r'), Buffer.alloc(5000, 7)], 1000, true);
    expect(decoder).toMatchObject({ isBare: false, lineTooLong: false, size: 5002 });
  });

  it('take no more than was announced', () => {
    const decoder = new ChunkDecoder(1000, false);
    const out: string[] = [];
    const emit = (slice: Buffer) => void out.push(slice.toString());
    decoder.begin(3);
    expect(decoder.push(Buffer.from('abcNOOP\r\n'), emit)).toBe(3);
    expect(decoder.state).toBe('ended');
    expect(decoder.push(Buffer.from('NOOP\r\n'), emit)).toBe(0);
    decoder.begin(0);
    expect(decoder.state).toBe('ended');
    expect(out).toEqual(['abc']);
  });
});
