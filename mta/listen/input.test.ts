import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BARE, Input, type Line, TOO_LONG } from './input.ts';

function lines(chunks: readonly Buffer[], limit = 20): Line[] {
  const input = new Input(limit);
  const found: Line[] = [];
  for (const chunk of chunks) {
    input.push(chunk);
    for (let line = input.next(); line !== undefined; line = input.next()) {
      found.push(line);
      if (line === BARE) return found;
    }
  }
  return found;
}

const wild = fc
  .array(fc.constantFrom('\r', '\n', '\r\n', '\r\n', 'a', 'NOOP', 'x'.repeat(15), '\xe9'), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

/** What the splitter has to say, by regular expression. */
function expected(text: string, limit: number): Line[] {
  const found: Line[] = [];
  let rest = text;
  for (;;) {
    const match = /^[^\r\n]*/.exec(rest)![0];
    const end = rest.slice(match.length, match.length + 2);
    if (end === '' || end === '\r') return found;
    if (end !== '\r\n') return [...found, BARE];
    found.push(match.length > limit ? TOO_LONG : match);
    rest = rest.slice(match.length + 2);
  }
}

describe('Input', () => {
  it('splits at CRLF alone, whatever the chunking', () => {
    fc.assert(
      fc.property(wild, fc.array(fc.nat(100)), (bytes, cuts) => {
        const places = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].sort((a, b) => a - b);
        const chunks = [0, ...places].map((at, i) => bytes.subarray(at, places[i]));
        expect(lines(chunks)).toEqual(expected(bytes.toString('latin1'), 20));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a line of exactly the limit, and not one more octet', () => {
    const at = (length: number) => Buffer.from(`${'x'.repeat(length)}\r\n`);
    expect(lines([at(20)])).toEqual(['x'.repeat(20)]);
    expect(lines([at(21)])).toEqual([TOO_LONG]);
    expect(lines([at(20).subarray(0, 5), at(20).subarray(5)])).toEqual(['x'.repeat(20)]);
  });

  it('keeps no more of an endless line than the limit', () => {
    const input = new Input(100);
    for (let i = 0; i < 1000; i += 1) {
      input.push(Buffer.alloc(10_000, 'x'));
      expect(input.next()).toBeUndefined();
      expect(input.pending).toBe(false);
    }
    input.push(Buffer.from('\r\nNOOP\r\n'));
    expect([input.next(), input.next()]).toEqual([TOO_LONG, 'NOOP']);
  });

  it('hands over raw bytes and takes the rest back', () => {
    const input = new Input(100);
    input.push(Buffer.from('DATA\r\nabc\r\n.\r\nQUIT\r\n'));
    expect(input.next()).toBe('DATA');
    const raw = input.take();
    expect(input.pending).toBe(false);
    input.putBack(raw.subarray(8));
    expect(input.next()).toBe('QUIT');
  });

  it('forgets a half line when it is cleared', () => {
    const input = new Input(100);
    input.push(Buffer.from('RSET'));
    input.next();
    input.clear();
    input.push(Buffer.from('NOOP\r\n'));
    expect(input.next()).toBe('NOOP');
  });
});
