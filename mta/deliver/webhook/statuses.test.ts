import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { retryAfterSeconds, statusRows, verdictOf } from './statuses.ts';

const PAGE = join(import.meta.dirname, '../../../docs/webhook.md');

describe('the table of statuses', () => {
  it('is the one in docs/webhook.md', () => {
    const page = readFileSync(PAGE, 'utf8');
    const rows = [...page.matchAll(/^\| `([^`]+)` \| (\d{3}) (\d\.\d\.\d) \| (.+?) \|/gm)].map(
      ([, statuses, code, enhanced, means = '']) => ({
        ...{ statuses, code: Number(code), enhanced },
        ...(means.includes('endpoint is away') ? { down: true } : {}),
      }),
    );
    expect(rows).toEqual(statusRows);
  });

  it.each([
    [200, 250],
    [207, 250],
    [299, 250],
    [300, 451],
    [400, 451],
    [401, 451],
    [404, 451],
    [410, 550],
    [413, 552],
    [499, 451],
    [500, 451],
    [501, 451],
    [502, 421],
    [503, 421],
    [504, 421],
    [505, 451],
    [599, 451],
  ])('has %i as %i', (status, code) => {
    expect(verdictOf(status)?.code).toBe(code);
  });

  it('has nothing for what is no status of an answer', () => {
    expect([0, 100, 199, 600, 999].map(verdictOf)).toEqual(Array(5).fill(undefined));
  });

  it('bounces mail by no more than five of them', () => {
    const all = Array.from({ length: 500 }, (_, index) => 100 + index);
    expect(all.filter((status) => (verdictOf(status)?.code ?? 0) >= 500)).toEqual([406, 410, 413, 422, 451]);
  });
});

describe('Retry-After (RFC 9110 §10.2.3)', () => {
  const now = Date.UTC(2026, 10, 30, 12);
  it.each([
    ['0', 0],
    ['120', 120],
    ['Mon, 30 Nov 2026 12:02:00 GMT', 120],
    ['Mon, 30 Nov 2026 11:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['2026', 2026],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s', (value, seconds) => {
    expect(retryAfterSeconds(value, now)).toBe(seconds);
  });
});
