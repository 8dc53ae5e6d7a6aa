import { describe, expect, it } from 'vitest';
import { type FleetQueue, type PodQueue, queueOf, type Shown, shownNext } from './fleet-queue.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const pod = (more: Partial<PodQueue> = {}): PodQueue => ({
  ...{ messages: 1, damaged: 0, full: false, recipients: { deferred: 0, held: 0 } },
  ...more,
});
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();
const of = (...pods: readonly PodQueue[]): FleetQueue =>
  queueOf(new Map(pods.map((each, i) => [`mta-${i}`, each])), [], NOW);

describe('the queue of a fleet', () => {
  it('is the sum of what its pods own', () => {
    const queue = of(
      pod({ messages: 3, oldestAt: ago(600), recipients: { deferred: 2, held: 1 } }),
      pod({ messages: 4, oldestAt: ago(7200), recipients: { deferred: 5, held: 0 }, full: true }),
      pod({ messages: 0, damaged: 2 }),
    );
    expect(queue).toEqual({
      ...{ messages: 7, deferred: 7, held: 1, oldest: NOW - 7_200_000 },
      ...{ damaged: 2, full: ['mta-1'], silent: [] },
    });
  });

  it('has no oldest message where none has waited for a minute', () => {
    expect(of(pod({ oldestAt: ago(59) })).oldest).toBeUndefined();
    expect(of(pod({ oldestAt: ago(60) })).oldest).toBe(NOW - 60_000);
    expect(of(pod({ messages: 0 })).oldest).toBeUndefined();
  });
});

describe('what is shown', () => {
  const calm = of(pod({ messages: 100 }));
  const shown: Shown = { queue: calm, at: 0 };
  const seenAfter = (seconds: number, seen: FleetQueue, before: Shown = shown) =>
    shownNext(before, seen, { wall: NOW, monotonic: seconds * 1000 });

  it('is what was seen first, and stays while that does', () => {
    expect(shownNext(undefined, calm, { wall: NOW, monotonic: 7 })).toEqual({ queue: calm, at: 7 });
    expect(seenAfter(10_000, of(pod({ messages: 100 })))).toBe(shown);
  });

  it.each<[string, FleetQueue]>([
    ['more mail', of(pod({ messages: 112 }))],
    ['less mail', of(pod({ messages: 0 }))],
    ['more deferred', of(pod({ messages: 100, recipients: { deferred: 11, held: 0 } }))],
    ['more that is held', of(pod({ messages: 100, recipients: { deferred: 0, held: 11 } }))],
    ['an older message', of(pod({ messages: 100, oldestAt: ago(61) }))],
    ['a pod that does not answer', { ...calm, silent: ['mta-1'] }],
  ])('follows %s after half a minute', (_what, seen) => {
    expect(seenAfter(29, seen)).toBe(shown);
    expect(seenAfter(30, seen)).toEqual({ queue: seen, at: 30_000 });
  });

  it.each<[string, FleetQueue, Shown]>([
    ['ten messages', of(pod({ messages: 10 })), { queue: of(pod({ messages: 0 })), at: 0 }],
    ['a tenth of them', of(pod({ messages: 1099 })), { queue: of(pod({ messages: 1000 })), at: 0 }],
    ['a minute of age', of(pod({ oldestAt: ago(600) })), { queue: of(pod({ oldestAt: ago(540) })), at: 0 }],
  ])('follows %s after five minutes', (_what, seen, before) => {
    expect(seenAfter(299, seen, before)).toBe(before);
    expect(seenAfter(300, seen, before).queue).toBe(seen);
  });

  it.each<[string, FleetQueue]>([
    ['damage', of(pod({ messages: 100, damaged: 1 }))],
    ['a full volume', of(pod({ messages: 100, full: true }))],
  ])('follows %s at once, and its end after half a minute', (_what, seen) => {
    const worse = seenAfter(1, seen);
    expect(worse.queue).toBe(seen);
    expect(seenAfter(30, calm, worse)).toBe(worse);
    expect(seenAfter(31, calm, worse).queue).toBe(calm);
  });

  it('of steady traffic is another at most twice in ten minutes', () => {
    let current = shown;
    let changes = 0;
    for (let second = 0; second < 600; second += 15) {
      const next = seenAfter(
        second,
        of(pod({ messages: 95 + (second % 7), oldestAt: ago(second % 3) })),
        current,
      );
      if (next !== current) changes += 1;
      current = next;
    }
    expect(changes).toBeLessThanOrEqual(2);
  });
});
