import { describe, expect, it } from 'vitest';
import { systemRandom } from '../random.ts';
import { DAY_MS, startOf } from './report.ts';
import { dueAt, FIRST_MS, pauseAfter, SPREAD_MS } from './times.ts';

const DAY = '2026-11-29';
const WHO = { hostname: 'mx.ours.test', source: 'mail/mta' };
const end = startOf(DAY) + DAY_MS;

describe('times of reports', () => {
  it('are spread over all of their hours (RFC 8460 §4.1)', () => {
    const hours = new Set<number>();
    for (let at = 0; at < 500; at += 1) {
      const delay = dueAt(WHO, DAY, `d${at}.test`) - end - FIRST_MS;
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(SPREAD_MS);
      hours.add(Math.floor(delay / (SPREAD_MS / 16)));
    }
    expect(hours.size).toBe(16);
  });

  it('are the same for the same report, and others for other ones', () => {
    const time = dueAt(WHO, DAY, 'd.test');
    expect(dueAt({ ...WHO }, DAY, 'd.test')).toBe(time);
    expect(dueAt({ ...WHO, hostname: 'mx.theirs.test' }, DAY, 'd.test')).not.toBe(time);
    expect(dueAt({ ...WHO, source: 'mail/mta/mta-1' }, DAY, 'd.test')).not.toBe(time);
    expect(dueAt(WHO, '2026-11-30', 'd.test') - DAY_MS).not.toBe(time);
  });

  it('after failures are ever further apart, up to some hours (§5.5)', () => {
    const pauses = [1, 2, 4, 7, 20, 2000].map((attempts) => pauseAfter(attempts, systemRandom) / 60_000);
    for (const [at, expected] of [5, 10, 40, 320, 360, 360].entries()) {
      expect(pauses[at]! / expected).toBeGreaterThanOrEqual(0.8);
      expect(pauses[at]! / expected).toBeLessThanOrEqual(1.2);
    }
  });
});
