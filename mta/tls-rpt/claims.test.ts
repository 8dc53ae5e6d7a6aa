import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../queue/testing/memory-disk.ts';
import { systemRandom } from '../random.ts';
import { TestClock } from '../testing/test-clock.ts';
import { Claims, SILENCE_MS } from './claims.ts';
import { Days } from './days.ts';
import { Tally } from './tally.ts';

const DAY = '2026-11-29';

async function fleet(...names: string[]) {
  const clock = new TestClock();
  const days = new Days({
    ...{ path: '/q.tls-rpt', disk: new MemoryDisk(), clock, random: systemRandom },
    onError: (error) => expect.fail(String(error)),
  });
  await days.write(DAY, '0123456789abcdef', new Tally());
  return { clock, days, claims: names.map((name) => new Claims(days, clock, name)) };
}

describe('a claim on a day', () => {
  it('is one process of all', async () => {
    const { claims } = await fleet('a', 'b', 'c');
    const held = await Promise.all(claims.map((each) => each.hold(DAY)));
    expect(held.filter(Boolean)).toHaveLength(1);
    expect(await Promise.all(claims.map((each) => each.hold(DAY)))).toEqual(held);
  });

  it('is kept for as long as its holder beats, however long that is', async () => {
    const { claims, clock } = await fleet('a', 'b');
    const [a, b] = claims as [Claims, Claims];
    await a.hold(DAY);
    for (let at = 0; at < 5 * SILENCE_MS; at += SILENCE_MS / 3) {
      await clock.advance(SILENCE_MS / 3);
      expect([await a.hold(DAY), await b.hold(DAY)]).toEqual([true, false]);
    }
  });

  it('of who is silent goes to one other, and who comes back late has lost it', async () => {
    const { claims, clock } = await fleet('a', 'b', 'c');
    const [a, b, c] = claims as [Claims, Claims, Claims];
    await a.hold(DAY);
    expect([await b.hold(DAY), await c.hold(DAY)]).toEqual([false, false]);
    await clock.advance(SILENCE_MS - 1000);
    expect(await b.hold(DAY)).toBe(false);
    await clock.advance(1000);
    const taken = await Promise.all([b.hold(DAY), c.hold(DAY)]);
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await a.hold(DAY)).toBe(false);
  });

  it('that was given up goes to the next at once, and others are let be', async () => {
    const { claims } = await fleet('a', 'b', 'c');
    const [a, b, c] = claims as [Claims, Claims, Claims];
    await a.hold(DAY);
    await b.giveUp();
    expect(await b.hold(DAY)).toBe(false);
    await a.giveUp();
    expect([await b.hold(DAY), await c.hold(DAY)]).toEqual([true, false]);
  });

  it('beats for all days of its holder, in the middle of its work, until somebody else has taken one', async () => {
    const { claims, clock, days } = await fleet('a', 'b');
    const [a, b] = claims as [Claims, Claims];
    const other = '2026-11-28';
    await days.write(other, '0123456789abcdef', new Tally());
    await a.hold(DAY);
    await a.hold(other);
    for (let at = 0; at < 3 * SILENCE_MS; at += SILENCE_MS / 3) {
      await clock.advance(SILENCE_MS / 3);
      await a.beat();
      expect([await b.hold(DAY), await b.hold(other)]).toEqual([false, false]);
    }
    expect([a.holds(DAY), a.holds(other)]).toEqual([true, true]);
    await clock.advance(SILENCE_MS);
    expect(await b.hold(DAY)).toBe(true);
    await a.beat();
    expect([a.holds(DAY), a.holds(other)]).toEqual([false, true]);
    await b.beat();
    expect(await a.hold(DAY)).toBe(false);
  });

  it('that was given up is not beaten for any more', async () => {
    const { claims } = await fleet('a', 'b');
    const [a, b] = claims as [Claims, Claims];
    await a.hold(DAY);
    await a.hold(DAY);
    await a.giveUp();
    await a.beat();
    expect(await b.hold(DAY)).toBe(true);
  });
});
