import { describe, expect, it } from 'vitest';
import { claimDelayMs, lanesToWatch, reasonToClaim } from './claim.ts';

const lease = { number: 1, nonce: 'a', segment: 1, end: 0 };
const unsuspicious = { lease, oursBefore: false, ownerGone: false, unchangedFor: 9999 };

describe('a lane may be claimed', () => {
  it.each([
    [{}, undefined],
    [{ unchangedFor: 10_000 }, 'lapsed'],
    [{ ownerGone: true }, 'ownerGone'],
    [{ oursBefore: true }, 'former'],
  ])('%o: %s', (change, reason) => {
    expect(reasonToClaim({ ...unsuspicious, ...change }, 10_000)).toBe(reason);
  });
});

describe('who tries first', () => {
  const released = { reason: 'released' } as const;

  it('is whoever holds fewer adopted lanes, whatever chance says', () => {
    for (let held = 0; held < 4; held += 1) {
      expect(claimDelayMs(released, held, 0.999)).toBeLessThan(claimDelayMs(released, held + 1, 0));
    }
  });

  it('is chance among equals, within half a second', () => {
    expect(claimDelayMs(released, 2, 0.1)).toBeLessThan(claimDelayMs(released, 2, 0.9));
    expect(claimDelayMs(released, 1000, 0.999)).toBeLessThan(500);
  });

  it('is at once who is meant, and who was the owner', () => {
    const release = { lane: 'l', lease: 'n', to: 'us' };
    expect(claimDelayMs({ reason: 'released', release }, 9, 0.9)).toBe(0);
    expect(claimDelayMs({ reason: 'former' }, 9, 0.9)).toBe(0);
  });
});

describe('what a worker watches closely', () => {
  const lanes = Array.from({ length: 100 }, (_, i) => `lane${String(i).padStart(3, '0')}`);

  it('is everything of a small fleet', () => {
    const { near, far } = lanesToWatch(lanes.slice(0, 8), new Set(['lane003']));
    expect([...near].sort()).toEqual(lanes.slice(0, 8).filter((lane) => lane !== 'lane003'));
    expect(far).toEqual([]);
  });

  it('is the same number of lanes in a large one, and each lane has as many who watch it', () => {
    const watchers = new Map<string, number>();
    for (const own of lanes) {
      const { near, far } = lanesToWatch(lanes, new Set([own]));
      expect(near).toHaveLength(8);
      expect(near.length + far.length).toBe(99);
      for (const lane of near) watchers.set(lane, (watchers.get(lane) ?? 0) + 1);
    }
    expect(new Set(watchers.values())).toEqual(new Set([8]));
    expect(watchers.size).toBe(100);
  });

  it('has an end, whatever it has adopted', () => {
    expect(lanesToWatch(lanes, new Set(lanes.slice(0, 50))).near.length).toBeLessThanOrEqual(32);
    expect(lanesToWatch([], new Set(['lane'])).near).toEqual([]);
    expect(lanesToWatch(lanes, new Set()).near).toHaveLength(8);
  });
});
