import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseQuantity } from './units.ts';

describe('durations', () => {
  it.each([
    ['30s', 30],
    ['5m', 300],
    ['120h', 432_000],
    ['1h30m', 5400],
    ['250ms', 0.25],
    ['1m500ms', 60.5],
    ['0s', 0],
  ])('%s is %d seconds', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  it.each(['', '5', '5d', '-1s', '1.5h', 's', '1h 30m'])('%j is refused', (text) =>
    expect(() => parseDuration(text)).toThrow(RangeError),
  );

  it('adds its parts', () => {
    const part = fc.integer({ min: 0, max: 99_999 });
    fc.assert(
      fc.property(part, part, part, (h, m, s) => {
        expect(parseDuration(`${h}h${m}m${s}s`)).toBe(h * 3600 + m * 60 + s);
      }),
    );
  });
});

describe('quantities', () => {
  it.each([
    ['50Mi', 52_428_800],
    ['1k', 1000],
    ['10Gi', 10_737_418_240],
    ['512', 512],
    [512, 512],
    ['0', 0],
  ])('%s is %d bytes', (text, bytes) => expect(parseQuantity(text)).toBe(bytes));

  it.each(['', '5MB', '-1', '1.5Gi', 'Mi'])('%j is refused', (text) =>
    expect(() => parseQuantity(text)).toThrow(RangeError),
  );
});
