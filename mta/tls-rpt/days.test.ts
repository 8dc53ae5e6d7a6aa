import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { MemoryDisk } from '../queue/testing/memory-disk.ts';
import { systemRandom } from '../random.ts';
import { Days } from './days.ts';
import { Tally } from './tally.ts';

const DAY = '2026-11-29';
const [ONE, OTHER] = ['0123456789abcdef', 'fedcba9876543210'];
const policy = { type: 'no-policy-found', domain: 'd.test', strings: [], mxHosts: [] } as const;

function daysOn(disk = new MemoryDisk()) {
  const errors: Error[] = [];
  const onError = (error: unknown) => void errors.push(error as Error);
  const days = new Days({ path: '/q.tls-rpt', disk, clock: systemClock, random: systemRandom, onError });
  return { days, disk, errors };
}

function tallyOf(sessions: number): Tally {
  const tally = new Tally();
  tally.count('d.test', policy, sessions, []);
  return tally;
}
const succeeded = (tally: Tally) => tally.policiesOf('d.test').map((counts) => counts.succeeded);

async function put(disk: MemoryDisk, name: string, text: string): Promise<void> {
  const file = await disk.create(`/q.tls-rpt/${DAY}/${name}`);
  await file.write([Buffer.from(text)], 0);
  await file.close();
}

describe('days on the volume', () => {
  it('have what all have counted, each one last', async () => {
    const { days, disk, errors } = daysOn();
    await days.write(DAY, ONE, tallyOf(1));
    await days.write(DAY, ONE, tallyOf(2));
    await daysOn(disk).days.write(DAY, OTHER, tallyOf(40));
    expect(succeeded(await days.collect(DAY))).toEqual([42]);
    expect(await days.list()).toEqual([DAY]);
    expect(errors).toEqual([]);
  });

  it.each([
    '',
    '{',
    '{}\n',
    '{"format":2,"uncounted":0}\n',
    '{"format":1,"uncounted":0}\n{"domain":"d.test"}\n',
  ])('go without a file that is not what we write, and it is told: %s', async (text) => {
    const { days, disk, errors } = daysOn();
    await days.write(DAY, ONE, tallyOf(1));
    await put(disk, `counts.${OTHER}.jsonl`, text);
    expect(succeeded(await days.collect(DAY))).toEqual([1]);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(`counts.${OTHER}.jsonl`)]);
  });

  it('are those that are called so, the oldest first', async () => {
    const { days, disk } = daysOn();
    for (const day of ['2026-11-30', '2026-11-02']) await days.write(day, ONE, tallyOf(1));
    await disk.makeDirectory('/q.tls-rpt/lost+found');
    expect(await days.list()).toEqual(['2026-11-02', '2026-11-30']);
    expect(await daysOn().days.list()).toEqual([]);
  });

  it('know how far a report has come', async () => {
    const { days, disk, errors } = daysOn();
    await days.write(DAY, ONE, tallyOf(1));
    const domain = `${'a.'.repeat(120)}test`;
    const stages = [{ uri: 'mailto:a@b.test', attempts: 2, nextAt: 5 }];
    expect(await days.progress(DAY, domain)).toBeUndefined();
    await days.keepProgress(DAY, { domain, firstAt: 1, stages });
    await days.keepProgress(DAY, { domain, firstAt: 1, stages: [{ ...stages[0]!, done: 'sent' }] });
    const kept = await daysOn(disk).days.progress(DAY, domain);
    expect(kept).toEqual({ domain, firstAt: 1, stages: [{ ...stages[0], done: 'sent' }] });
    await days.keepProgress(DAY, { domain: 'b.test', firstAt: 1, stages });
    const all = await days.allProgress(DAY);
    expect(all.map((each) => each.domain).sort()).toEqual([domain, 'b.test']);
    expect(errors).toEqual([]);
  });

  it('are claimed by one of those that try', async () => {
    const { days } = daysOn();
    await days.write(DAY, ONE, tallyOf(1));
    expect(await days.lastClaim(DAY)).toBeUndefined();
    const made = await Promise.all(
      ['a', 'b', 'c'].map((holder) => days.makeClaim(DAY, 0, { holder, beat: 0 })),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    await days.makeClaim(DAY, 1, { holder: 'd', beat: 0 });
    await days.keepClaim(DAY, 1, { holder: 'd', beat: 7 });
    expect(await days.lastClaim(DAY)).toEqual({ number: 1, claim: { holder: 'd', beat: 7 } });
  });

  it('that are finished are known, and empty; and then they go', async () => {
    const { days, disk } = daysOn();
    await days.write(DAY, ONE, tallyOf(1));
    await days.makeClaim(DAY, 0, { holder: 'a', beat: 0 });
    expect(await days.isFinished(DAY)).toBe(false);
    await days.finish(DAY);
    expect(await days.isFinished(DAY)).toBe(true);
    expect(disk.namesOf(`/q.tls-rpt/${DAY}`)).toEqual(['finished.json']);
    await days.remove(DAY);
    expect(await days.list()).toEqual([]);
    await days.remove(DAY);
  });
});
