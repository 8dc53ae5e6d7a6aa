import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../queue/testing/memory-disk.ts';
import { systemRandom } from '../random.ts';
import { TestClock } from '../testing/test-clock.ts';
import { Counter } from './counter.ts';
import { Days } from './days.ts';
import { DAY_MS, dayOf } from './report.ts';

const policy = { type: 'no-policy-found', domain: 'd.test', strings: [], mxHosts: [] } as const;
const good = { domain: 'd.test', policy };

function counting(disk = new MemoryDisk()) {
  const clock = new TestClock();
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const days = new Days({ path: '/q.tls-rpt', disk, clock, random: systemRandom, onError });
  const counter = new Counter({ days, clock, random: systemRandom, onError });
  const stored = async (day = dayOf(clock.now())) =>
    (await days.collect(day)).policiesOf('d.test').map(({ succeeded }) => succeeded);
  return { clock, disk, days, counter, errors, stored };
}
const ioError = () => Object.assign(new Error('EIO'), { code: 'EIO' });

describe('what a process counts', () => {
  it('is on the volume within two minutes, and nothing is written while nothing is counted', async () => {
    const { counter, clock, stored, disk } = counting();
    counter.start();
    counter.add(good);
    counter.add(good);
    expect(await stored()).toEqual([]);
    await clock.advance(120_000);
    expect(await stored()).toEqual([2]);
    const steps = disk.steps.length;
    await clock.advance(600_000);
    expect(disk.steps.length).toBe(steps);
    counter.add(good);
    await clock.advance(120_000);
    expect(await stored()).toEqual([3]);
  });

  it('is on the volume when it stops', async () => {
    const { counter, stored, clock, disk } = counting();
    counter.start();
    counter.add(good);
    await counter.stop();
    expect(await stored()).toEqual([1]);
    const steps = disk.steps.length;
    counter.add(good);
    await clock.advance(600_000);
    expect(disk.steps.length).toBe(steps);
  });

  it('is counted on from nothing after a restart, beside what was there', async () => {
    const disk = new MemoryDisk();
    for (const _ of [1, 2, 3]) {
      const { counter } = counting(disk);
      counter.add(good);
      await counter.stop();
    }
    expect(await counting(disk).stored()).toEqual([3]);
  });

  it('is the day that it is in UTC, and a day that is over stays as it was', async () => {
    const { counter, stored, clock } = counting();
    const first = dayOf(clock.now());
    counter.add(good);
    await clock.advance(DAY_MS);
    counter.add(good);
    await counter.write();
    expect([await stored(first), await stored()]).toEqual([[1], [1]]);
    // As of a clock that was set back, and on again.
    await clock.advance(DAY_MS);
    counter.add(good);
    await counter.write();
    expect(await stored(first)).toEqual([1]);
  });

  it('waits in memory for a volume that fails, and is told', async () => {
    const { counter, stored, disk, errors } = counting();
    counter.add(good);
    disk.inject = () => ioError();
    await counter.write();
    expect(errors).toMatchObject([{ code: 'EIO' }]);
    disk.inject = () => undefined;
    counter.add(good);
    await counter.write();
    expect(await stored()).toEqual([2]);
  });

  it('is written of each day, whatever becomes of the day before', async () => {
    const { counter, stored, disk, errors, clock } = counting();
    const first = dayOf(clock.now());
    counter.add(good);
    await clock.advance(DAY_MS);
    counter.add(good);
    disk.inject = ({ path }) => (path.includes(first) ? ioError() : undefined);
    await counter.write();
    disk.inject = () => undefined;
    expect([await stored(first), await stored()]).toEqual([[], [1]]);
    expect(errors).toMatchObject([{ code: 'EIO' }]);
    await counter.write();
    expect(await stored(first)).toEqual([1]);
  });

  it('keeps no process from its end, where the volume does not answer', async () => {
    const { counter, clock, errors } = counting();
    const hung = new Counter({
      ...{ clock, random: systemRandom, onError: (error: unknown) => void errors.push(error) },
      days: { write: () => new Promise(() => {}) },
    });
    hung.add(good);
    const stopped = hung.stop();
    await clock.advance(10_000);
    await stopped;
    expect(errors).toMatchObject([{ message: 'the volume does not answer' }]);
    await counter.stop();
  });
});
