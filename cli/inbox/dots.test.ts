import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DotDecoder } from './dots.ts';

/** Feeds `wire` cut at the given places. */
function decode(wire: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(wire, 'latin1');
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const decoder = new DotDecoder();
  const content: Buffer[] = [];
  for (let i = 1; i < places.length; i++) {
    const fed = decoder.feed(bytes.subarray(places[i - 1], places[i]));
    content.push(...fed.content);
    if (fed.rest !== undefined) {
      return {
        content: Buffer.concat(content).toString('latin1'),
        rest: Buffer.concat([fed.rest, bytes.subarray(places[i])]).toString('latin1'),
      };
    }
  }
  return { content: Buffer.concat(content).toString('latin1'), rest: undefined };
}

describe('the end of DATA', () => {
  it.each([
    ['an ordinary message', 'a\r\nb\r\n.\r\nQUIT\r\n', 'a\r\nb\r\n', 'QUIT\r\n'],
    ['an empty one', '.\r\n', '', ''],
    ['stuffed dots', '..\r\n..x\r\n.\r\n', '.\r\n.x\r\n', ''],
    ['a dot line with more on it', '.x\r\n.\r\n', 'x\r\n', ''],
    ['a dot and a bare CR', '.\rx\r\n.\r\n', '\rx\r\n', ''],
  ])('is found after %s', (_, wire, content, rest) => {
    expect(decode(wire)).toEqual({ content, rest });
  });

  it.each(['a\n.\n', 'a\r.\r', 'a\n.\r\n', 'a\r\n.\n', 'a\r\n.\r', 'a\r.\r\n'])(
    'is not %j: smuggled ends are content',
    (wire) => {
      expect(decode(wire).rest).toBeUndefined();
    },
  );

  it('gives back what was stuffed, however the network cuts it', () => {
    const line = fc
      .array(fc.constantFrom('.', '\r', '\n', 'a', 'b'), { maxLength: 8 })
      .map((parts) => parts.join('').replaceAll('\r\n', '\n').replace(/\r$/, ''));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 8 }),
        fc.array(fc.nat(200), { maxLength: 5 }),
        (lines, cuts) => {
          const message = lines.map((text) => `${text}\r\n`).join('');
          const stuffed = message.replace(/(^|\r\n)\./g, '$1..');
          expect(decode(`${stuffed}.\r\nNOOP\r\n`, cuts)).toEqual({ content: message, rest: 'NOOP\r\n' });
        },
      ),
    );
  });
});
