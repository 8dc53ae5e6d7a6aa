import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataDecoder } from './data.ts';

function decode(chunks: readonly Buffer[], lineLimit = 1000) {
  const decoder = new DataDecoder(lineLimit);
  const parts: Buffer[] = [];
  let consumed = 0;
  for (const chunk of chunks) {
    if (decoder.state !== 'open') break;
    consumed += decoder.push(chunk, (slice) => parts.push(slice));
  }
  const { state, size, lineTooLong } = decoder;
  return { state, size, lineTooLong, consumed, content: Buffer.concat(parts).toString('latin1') };
}

const decodeText = (text: string, limit?: number) => decode([Buffer.from(text, 'latin1')], limit);

/** Cuts a buffer at random places. */
const chunked = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.array(fc.nat(200), { maxLength: 40 })).map(([whole, cuts]) => {
    const bytes = Buffer.from(whole, 'latin1');
    const places = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].sort((a, b) => a - b);
    return { bytes, chunks: [0, ...places].map((at, i) => bytes.subarray(at, places[i])) };
  });

// Made of what matters, so that every state of the decoder is met.
const wild = fc
  .array(fc.constantFrom('\r', '\n', '\r\n', '.', '\r\n.', '\r\n.\r\n', 'a', 'bc', '\0'), { maxLength: 60 })
  .map((parts) => parts.join(''));
const line = fc.array(fc.constantFrom('.', 'a', ' ', '\xff'), { maxLength: 20 }).map((c) => c.join(''));
const message = fc.array(line, { maxLength: 20 }).map((lines) => lines.map((text) => `${text}\r\n`).join(''));
const stuff = (content: string) => `${content.replace(/^\./gm, '..')}.\r\n`;

describe('DataDecoder', () => {
  it('gives back what was stuffed, in any chunking, and leaves what follows the final dot', () => {
    fc.assert(
      fc.property(chunked(message.map((content) => `${stuff(content)}QUIT\r\n`)), ({ bytes, chunks }) => {
        const { state, content, size, consumed } = decode(chunks);
        expect(state).toBe('ended');
        expect(stuff(content).length).toBe(consumed);
        expect(`${stuff(content)}QUIT\r\n`).toBe(bytes.toString('latin1'));
        expect(size).toBe(content.length);
      }),
    );
  });

  it('gives the same result for wild input whatever the chunking', () => {
    fc.assert(
      fc.property(chunked(wild), ({ bytes, chunks }) => {
        const whole = decode([bytes], 10);
        const cut = decode(chunks, 10);
        expect(cut.state).toBe(whole.state);
        expect(cut.lineTooLong).toBe(whole.lineTooLong);
        if (whole.state !== 'bare') expect(cut).toEqual(whole);
      }),
      { numRuns: 2000 },
    );
  });

  it('accepts exactly what has no CR or LF alone before its first CRLF.CRLF', () => {
    fc.assert(
      fc.property(wild, (text) => {
        const end = `\r\n${text}`.indexOf('\r\n.\r\n');
        const body = end < 0 ? text : text.slice(0, end + 3);
        // A CR at the very end may still get its LF.
        const bare = /\r(?!\n|$)|(?<!\r)\n/.test(body);
        const { state } = decodeText(text);
        expect(state).toBe(bare ? 'bare' : end < 0 ? 'open' : 'ended');
      }),
      { numRuns: 2000 },
    );
  });

  it('counts a line without the dot of transparency, with its CRLF', () => {
    expect(decodeText(`${'x'.repeat(8)}\r\n`, 10).lineTooLong).toBe(false);
    expect(decodeText(`..${'x'.repeat(7)}\r\n`, 10).lineTooLong).toBe(false);
    expect(decodeText(`${'x'.repeat(9)}\r\n`, 10).lineTooLong).toBe(true);
  });

  it('says that a line is too long before it has ended', () => {
    expect(decode(Array(100).fill(Buffer.alloc(100, 'x')), 1000).lineTooLong).toBe(true);
  });
});
