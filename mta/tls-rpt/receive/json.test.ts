import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from './json.ts';

const faultOf = (text: string | Buffer): string => {
  try {
    parseJson(Buffer.from(text));
  } catch (error) {
    return (error as { fault: string }).fault;
  }
  return 'none';
};

describe('JSON', () => {
  it('is what JSON.parse makes of it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('that nests deeply is refused before it costs anything', () => {
    expect(faultOf('['.repeat(20) + ']'.repeat(20))).toBe('none');
    expect(faultOf('['.repeat(21) + ']'.repeat(21))).toBe('invalid');
    const began = performance.now();
    expect(faultOf('['.repeat(5_000_000))).toBe('invalid');
    expect(faultOf('{"a":'.repeat(1_000_000))).toBe('invalid');
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('of very many values is refused before any of them is made', () => {
    expect(faultOf(`[${'{},'.repeat(3_000_000)}{}]`)).toBe('tooLarge');
    expect(faultOf(`[${'0,'.repeat(3_000_000)}0]`)).toBe('tooLarge');
    expect(faultOf(`[${'0,'.repeat(200_000)}0]`)).toBe('none');
  });

  it('has brackets and commas within its texts, which count for nothing', () => {
    for (const text of ['['.repeat(1000), ','.repeat(300_000), '\\"['.repeat(30), '\\\\'.repeat(3)]) {
      expect(parseJson(Buffer.from(JSON.stringify([text])))).toEqual([text]);
    }
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"a":'],
    ['a text that never ends', '"aaa'],
    ['what is not UTF-8', Buffer.from('"\xff"', 'latin1')],
    ['more brackets closed than opened', ']]]]'],
    ['a word', 'undefined'],
  ])('that is %s is refused', (_what, text) => {
    expect(faultOf(text)).toBe('invalid');
  });
});
