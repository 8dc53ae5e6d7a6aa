import { describe, expect, it } from 'vitest';
import { Allowance, MOST_REPORTS } from './allowance.ts';
import { destinationOf } from './record.ts';

const used = (allowance: Allowance, uri: (i: number) => string): number =>
  Array.from({ length: MOST_REPORTS + 10 }, (_, i) => allowance.takes(destinationOf(uri(i))!)).filter(Boolean)
    .length;

describe('what one host may get in a day', () => {
  it.each<[string, (i: number) => string]>([
    ['paths and ports of one host', (i) => `https://v.${i % 2 ? 'TEST.' : 'test'}:${8000 + i}/${i}`],
    ['one address', (i) => `https://[2001:db8::1]/${i}`],
    ['mailboxes of one domain', (i) => `mailto:a${i}@${i % 2 ? 'V' : 'v'}.test`],
  ])('is bounded: %s', (_what, uri) => {
    const allowance = new Allowance();
    expect(used(allowance, uri)).toBe(MOST_REPORTS);
    expect(allowance.takes(destinationOf('https://other.test/')!)).toBe(true);
    expect(allowance.takes(destinationOf('mailto:a@other2.test')!)).toBe(true);
  });

  it('is for each host by itself', () => {
    expect(used(new Allowance(), (i) => `https://v${i}.test/`)).toBe(MOST_REPORTS + 10);
  });
});
