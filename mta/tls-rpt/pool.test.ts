import { afterEach, describe, expect, it } from 'vitest';
import { diskError, MemoryDisk } from '../queue/testing/memory-disk.ts';
import { systemRandom } from '../random.ts';
import { TestClock } from '../testing/test-clock.ts';
import { Days } from './days.ts';
import { type CountsPeers, Pool } from './pool.ts';
import { DAY_MS, dayOf, startOf } from './report.ts';
import { FIRST_MS } from './times.ts';

const COUNTS = Buffer.from('{"format":1,"uncounted":0}\n');
const OTHERS = Buffer.from('{"format":1,"uncounted":7}\n');
const [ONE, OTHER] = ['0123456789abcdef', 'fedcba9876543210'];

const errors: unknown[] = [];
afterEach(() => expect(errors.splice(0)).toEqual([]));

/** Pods that live, each with a volume of its own, on a day that is theirs. */
function fleet(...names: string[]) {
  const clock = new TestClock();
  const day = dayOf(clock.now());
  const pods = new Map<string, ReturnType<typeof pod>>();
  const asked: string[] = [];
  const state = { isSilent: (_member: string) => false };
  function pod(self: string) {
    const disk = new MemoryDisk();
    const onError = (error: unknown) => void errors.push(error);
    const days = new Days({ path: '/q.tls-rpt', disk, clock, random: systemRandom, onError });
    const kept: string[] = [];
    const peers: CountsPeers = {
      members: async () => [...pods.keys()].filter((name) => name !== self).reverse(),
      async give(member, ...counts) {
        asked.push(`${self} ${member} ${counts[1]}`);
        if (state.isSilent(member)) await new Promise(() => {});
        return pods.get(member)!.pool.take(...counts);
      },
    };
    const onKept = (of: string, error: unknown) =>
      void kept.push(error instanceof Error ? `${of}: ${error.message}` : of);
    const pool = new Pool({ days, self, peers, clock, onKept });
    const writers = () => days.writers(day);
    return { disk, days, kept, pool, writers, put: (writer: string) => days.put(day, writer, COUNTS) };
  }
  for (const name of names) pods.set(name, pod(name));
  const until = (ms: number) => clock.advance(startOf(day) + DAY_MS + ms - clock.now());
  return { clock, day, asked, state, until, pods: names.map((name) => pods.get(name)!) };
}

describe('counts that are passed on', () => {
  it('are on the volume of the first of those that live, and nowhere else', async () => {
    const { pods, day } = fleet('mta-1', 'mta-0', 'mta-10');
    const [one, first, ten] = pods as Required<typeof pods>;
    await one!.put(ONE);
    await ten!.put(OTHER);
    for (const { pool } of pods) await pool.passOn(day);
    expect(await first!.writers()).toEqual([ONE, OTHER]);
    expect(await first!.days.get(day, ONE)).toEqual(COUNTS);
    expect([await one!.writers(), await ten!.writers()]).toEqual([[], []]);
    expect(pods.map(({ kept }) => kept)).toEqual([[], [], []]);
  });

  it('are on stable storage there, before they go here', async () => {
    const { pods, day } = fleet('a', 'b');
    const [first, second] = pods as Required<typeof pods>;
    await second!.put(ONE);
    first!.disk.inject = (step) => (step.operation === 'syncDirectory' ? diskError('EIO', step) : undefined);
    await second!.pool.passOn(day);
    expect(await second!.writers()).toEqual([ONE]);
    expect(second!.kept).toEqual([expect.stringContaining('EIO')]);
  });

  it('stay where reports of them have begun', async () => {
    const { pods, day } = fleet('a', 'b');
    const [, second] = pods as Required<typeof pods>;
    await second!.put(ONE);
    await second!.days.makeClaim(day, 0, { holder: 'us', beat: 0 });
    await second!.pool.passOn(day);
    await second!.pool.passAllOn();
    expect(await second!.writers()).toEqual([ONE]);
  });

  it('that are not taken keep no others back, and it is told once', async () => {
    const { pods, day } = fleet('a', 'b');
    const [first, second] = pods as Required<typeof pods>;
    await second!.days.put(day, ONE, Buffer.from('{"format":2}\n'));
    await second!.put(OTHER);
    for (let n = 0; n < 3; n += 1) await second!.pool.passOn(day);
    expect(await second!.writers()).toEqual([ONE]);
    expect(await first!.writers()).toEqual([OTHER]);
    expect(second!.kept).toEqual([day]);
  });

  it('wait for no member that is silent for ever, nor for it with each of them', async () => {
    const { clock, pods, day, state, asked } = fleet('a', 'b');
    const [, second] = pods as Required<typeof pods>;
    await second!.put(ONE);
    await second!.put(OTHER);
    state.isSilent = () => true;
    const passing = second!.pool.passOn(day);
    while (asked.length === 0) await new Promise(setImmediate);
    await clock.advance(60_000);
    await passing;
    expect(asked).toEqual([`b a ${ONE}`]);
    expect(second!.kept).toEqual([`${day}: a does not answer`]);
    expect(await second!.writers()).toEqual([ONE, OTHER]);
  });

  it('are kept where they were written again meanwhile', async () => {
    const { pods, day } = fleet('a', 'b');
    const [first, second] = pods as Required<typeof pods>;
    await second!.put(ONE);
    const { take } = first!.pool;
    first!.pool.take = async (...counts) => {
      await second!.days.put(day, ONE, OTHERS);
      return take.apply(first!.pool, counts);
    };
    await second!.pool.passOn(day);
    expect(await second!.days.get(day, ONE)).toEqual(OTHERS);
  });
});

describe('counts of who goes for good', () => {
  it('go to others, where it is the first itself, and today’s with them', async () => {
    const { clock, pods, day } = fleet('a', 'b', 'c');
    const [first, second] = pods as Required<typeof pods>;
    await first!.put(ONE);
    await clock.advance(startOf(day) + DAY_MS - clock.now());
    const next = dayOf(clock.now());
    await first!.days.put(next, OTHER, COUNTS);
    await first!.pool.passAllOn();
    expect(await second!.writers()).toEqual([ONE]);
    expect(await second!.days.writers(next)).toEqual([OTHER]);
    expect([await first!.writers(), await first!.days.writers(next)]).toEqual([[], []]);
  });

  it('go to the next, where one has begun its reports', async () => {
    const { pods, day, asked } = fleet('a', 'b', 'c');
    const [first, second, third] = pods as Required<typeof pods>;
    await third!.put(ONE);
    await first!.days.put(day, OTHER, COUNTS);
    await first!.days.makeClaim(day, 0, { holder: 'a', beat: 0 });
    await third!.pool.passAllOn();
    expect(asked).toEqual([`c a ${ONE}`, `c b ${ONE}`]);
    expect([await first!.writers(), await second!.writers(), await third!.writers()]).toEqual([
      [OTHER],
      [ONE],
      [],
    ]);
  });

  it('stay where there is nobody else, and it is told', async () => {
    const { pods, day } = fleet('a');
    await pods[0]!.put(ONE);
    await pods[0]!.pool.passAllOn();
    expect(pods[0]!.kept).toEqual([day]);
  });
});

describe('counts of others', () => {
  it('are taken of days that have begun, until their reports do', async () => {
    const { pods, day, until } = fleet('a');
    const { pool, days } = pods[0]!;
    const tomorrow = dayOf(startOf(day) + DAY_MS);
    expect(await pool.take(tomorrow, ONE, COUNTS)).toBe(false);
    expect(await pool.take(day, ONE, COUNTS)).toBe(true);
    await until(FIRST_MS - 1);
    expect(await pool.take(day, OTHER, COUNTS)).toBe(true);
    await until(FIRST_MS);
    expect(await pool.take(day, ONE, OTHERS)).toBe(false);
    expect(await days.get(day, ONE)).toEqual(COUNTS);
  });

  it.each(['makeClaim', 'finish'] as const)(
    'are not taken after %s, whatever the clock says',
    async (step) => {
      const { pods, day } = fleet('a');
      const { pool, days } = pods[0]!;
      await days.put(day, OTHER, COUNTS);
      if (step === 'finish') await days.finish(day);
      else await days.makeClaim(day, 0, { holder: 'a', beat: 0 });
      expect(await pool.take(day, ONE, COUNTS)).toBe(false);
    },
  );

  it('that came so late that nobody can tell are neither taken nor refused', async () => {
    const { pods, day, clock, until } = fleet('a');
    const { pool, disk } = pods[0]!;
    let isAsked = false;
    let go = () => {};
    disk.inject = ({ operation }) => {
      isAsked ||= operation === 'rename';
      return undefined;
    };
    const { syncDirectory } = disk;
    disk.syncDirectory = (path) =>
      new Promise((resolve) => {
        go = () => resolve(syncDirectory.call(disk, path));
      });
    const taken = pool.take(day, ONE, COUNTS).catch((error: unknown) => error);
    while (!isAsked) await new Promise(setImmediate);
    await until(FIRST_MS);
    disk.syncDirectory = syncDirectory;
    await clock.advance(0);
    go();
    expect(await taken).toMatchObject({ code: 'QueueUnreachable' });
  });

  it('are taken one after the other, and one that fails holds up nobody', async () => {
    const { pods, day } = fleet('a');
    const { pool, disk, writers } = pods[0]!;
    let failures = 1;
    disk.inject = (step) => {
      if (step.operation !== 'create' || failures === 0) return undefined;
      failures -= 1;
      return diskError('ENOSPC', step);
    };
    const results = await Promise.allSettled([ONE, OTHER].map((writer) => pool.take(day, writer, COUNTS)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await writers()).toEqual([OTHER]);
  });
});
