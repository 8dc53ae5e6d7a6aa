/**
 * The machine stops at every step of a queue's life, several ways each: what was answered is there afterwards. The
 * queue's own code runs on a disk in memory that loses, tears and reorders what was not synced; one number replays a
 * history: `POSTRIDER_SEED=n POSTRIDER_HISTORIES=1`.
 */
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { diskError, MemoryDisk } from '../../mta/queue/testing/memory-disk.ts';
import {
  accept,
  contentOf,
  DELIVERED,
  deferredUntil,
  envelopeOf,
  jobFor,
  openTestQueue,
  type TestQueue,
} from '../../mta/queue/testing/test-queue.ts';
import type { QueueId } from '../../mta/queue/types.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown } from '../../mta/testing/test-clock.ts';

const TERM_MS = 10_000;

/** What is known of a message: what had been answered, and what had been asked. */
interface Fate {
  accepted: boolean;
  attemptsAsked: number;
  attemptsAnswered: number;
  endAsked: boolean;
  endAnswered: boolean;
  readonly content: Buffer;
}

type Fates = Map<QueueId, Fate>;

const fateOf = (content: Buffer): Fate => ({
  accepted: false,
  attemptsAsked: 0,
  attemptsAnswered: 0,
  endAsked: false,
  endAnswered: false,
  content,
});

async function take({ queue }: TestQueue, fates: Fates, content: Buffer): Promise<QueueId> {
  const draft = queue.draft();
  const fate = fateOf(content);
  fates.set(draft.id, fate);
  for (let at = 0; at < content.length; at += 700) await draft.write(content.subarray(at, at + 700));
  await draft.commit(envelopeOf('m'), [jobFor([0])]);
  fate.accepted = true;
  return draft.id;
}

async function defer({ queue }: TestQueue, fates: Fates, id: QueueId): Promise<void> {
  const fate = fates.get(id)!;
  fate.attemptsAsked += 1;
  const attempts = fate.attemptsAsked;
  await queue.settle(id, deferredUntil(1, attempts));
  fate.attemptsAnswered = attempts;
}

async function end({ queue }: TestQueue, fates: Fates, id: QueueId, report?: Buffer): Promise<void> {
  const fate = fates.get(id)!;
  fate.endAsked = true;
  await queue.settle(id, {
    ...DELIVERED,
    ...(report && { report: { envelope: envelopeOf('report'), jobs: [jobFor([0])], content: report } }),
  });
  fate.endAnswered = true;
}

/** A bit of everything: small and large messages, deferrals, ends, a report, garbage enough for compaction. */
async function life(test: TestQueue, fates: Fates): Promise<void> {
  const ids: QueueId[] = [];
  for (let round = 0; round < 6; round += 1) {
    const taken = await Promise.all([
      take(test, fates, Buffer.alloc(900, `small ${round} `)),
      take(test, fates, Buffer.alloc(1500, `more ${round} `)),
      take(test, fates, Buffer.alloc(round % 2 === 0 ? 5000 : 100, `body ${round} `)),
    ]);
    ids.push(...taken);
    await Promise.all([
      defer(test, fates, taken[0]),
      end(test, fates, taken[1], round === 2 ? Buffer.from('bounce') : undefined),
    ]);
    if (round > 1) await end(test, fates, ids[3 * (round - 2) + 2]!);
  }
  await test.queue.release();
}

async function check(test: TestQueue, fates: Fates, where: string): Promise<void> {
  const { queue } = test;
  for (const [id, fate] of fates) {
    const entry = queue.entry(id);
    if (fate.endAnswered) expect(entry, `${where}: ${id} had ended`).toBeUndefined();
    if (!fate.accepted || fate.endAsked) continue;
    expect(entry, `${where}: ${id} was answered 250`).toBeDefined();
    const attempts = entry!.jobs[0]!.attempts;
    expect(attempts, where).toBeGreaterThanOrEqual(fate.attemptsAnswered);
    expect(attempts, where).toBeLessThanOrEqual(fate.attemptsAsked);
  }
  for (const entry of queue.entries()) {
    const fate = fates.get(entry.id);
    const content = await contentOf(queue, entry.id);
    if (fate) expect(content?.equals(fate.content), `${where}: content of ${entry.id}`).toBe(true);
    else expect(content?.toString(), `${where}: only the report is unknown`).toBe('bounce');
  }
  expect(queue.counts().damaged, `${where}: a torn tail is no damage`).toBe(0);
}

/** The parent of the report is the second message of the third round. */
function checkReport({ queue }: TestQueue, fates: Fates, where: string): void {
  const parent = [...fates.keys()][7];
  const report = [...queue.entries()].filter(({ id }) => !fates.has(id));
  const ended = parent !== undefined && fates.get(parent)!.endAsked && !queue.entry(parent);
  if (parent && fates.get(parent)!.endAnswered) expect(report.length, where).toBe(1);
  // Accepted, gone, and no report would be silence.
  if (parent && fates.get(parent)!.accepted && ended) expect(report.length, where).toBe(1);
  if (parent && queue.entry(parent)) expect(report.length, `${where}: both or neither`).toBe(0);
}

/** Lanes beyond the first are adopted one by one; one whose owner is not known, after a term. */
async function adoptAll({ clock }: TestQueue): Promise<void> {
  for (let i = 0; i < 4; i += 1) await clock.advance(TERM_MS);
}

async function stopAt(step: number, seed: number): Promise<boolean> {
  const fates: Fates = new Map();
  const where = `stopped before step ${step}, seed ${seed}`;
  const deps = seeded(seed * 7919 + step);
  const disk = new MemoryDisk();
  disk.stopAfter = step;
  const run = openTestQueue({ disk, seed }).then((test) => life(test, fates));
  const finished = await Promise.race([run.then(() => true), disk.stopped.then(() => false)]);
  const after = disk.restart(deps.fraction);
  const test = await openTestQueue({ disk: after, seed: seed + 1000 });
  await adoptAll(test);
  await check(test, fates, where);
  checkReport(test, fates, where);
  // And it goes on: a second owner, whose mail a third one finds.
  const more = await take(test, fates, Buffer.from('afterwards'));
  const third = await openTestQueue({ disk: after.reopen(), seed: seed + 2000 });
  await adoptAll(third);
  await check(third, fates, `${where}, third owner`);
  expect(third.queue.entry(more), where).toBeDefined();
  await third.queue.release();
  return finished;
}

describe('a machine that stops at every step', () => {
  for (const seed of [1, 2, 3]) {
    it(`loses nothing that was answered (seed ${seed})`, async () => {
      let step = 0;
      while (!(await stopAt(step, seed))) step += 1;
      expect(step).toBeGreaterThan(100);
    }, 120_000);
  }
});

/** What went wrong before is dealt with by the next owner, and by the one after that. */
async function liveOn(test: TestQueue, fates: Fates, fraction: () => number): Promise<void> {
  await adoptAll(test);
  for (const { id } of [...test.queue.entries()]) {
    const fate = fates.get(id);
    if (!fate || fraction() < 0.3) continue;
    await (fraction() < 0.5 ? defer(test, fates, id) : end(test, fates, id));
  }
  await life(test, fates);
}

/** A sync fails in some lives; the others are perfect until they end. */
function failOnce(disk: MemoryDisk, fraction: () => number): void {
  let left = fraction() < 0.4 ? Math.floor(fraction() * 60) : -1;
  disk.inject = (step) => {
    if (!step.operation.startsWith('sync')) return undefined;
    left -= 1;
    return left === 0 ? diskError('EIO', step) : undefined;
  };
}

async function liveThrough(lives: number, seed: number): Promise<void> {
  const { fraction } = seeded(seed);
  const fates: Fates = new Map();
  let disk = new MemoryDisk();
  for (let i = 0; i < lives; i += 1) {
    disk.stopAfter = Math.floor(fraction() * 260);
    failOnce(disk, fraction);
    const run = openTestQueue({ disk, seed: seed * 10 + i }).then((test) => liveOn(test, fates, fraction));
    // A life that a fault has ended is over like any other.
    await Promise.race([run.catch(() => undefined), disk.stopped]);
    disk = fraction() < 0.4 ? disk.reopen() : disk.restart(fraction);
  }
  const test = await openTestQueue({ disk, seed: seed + 5000 });
  await adoptAll(test);
  await check(test, fates, `seed ${seed}`);
  await test.queue.release();
}

const HISTORIES = Number(process.env.POSTRIDER_HISTORIES ?? 60);
/** New ones each time, unless one is given. */
const FIRST = Number(process.env.POSTRIDER_SEED ?? randomInt(1_000_000_000));

describe('machines and processes that stop again and again', () => {
  it(`lose nothing that was answered, in ${HISTORIES} histories`, async () => {
    console.log(`histories of seeds ${FIRST} to ${FIRST + HISTORIES - 1}`);
    for (let seed = FIRST; seed < FIRST + HISTORIES; seed += 1) await liveThrough(1 + (seed % 4), seed);
  }, 600_000);
});

describe('a lease whose name falls back in a crash', () => {
  const SECOND = 'segment.0000000002';

  async function fill(disk: MemoryDisk): Promise<void> {
    const { queue } = await openTestQueue({ disk });
    for (let i = 0; i < 6; i += 1) await accept(queue, `m${i}`, Buffer.alloc(1500));
  }

  /** The owner dies when it has begun a second segment, which its lease doesn't name yet. */
  async function diesAtSecondSegment(): Promise<MemoryDisk> {
    const whole = new MemoryDisk();
    await fill(whole);
    const created = whole.steps.findIndex(({ path }) => path.endsWith(SECOND));
    const disk = new MemoryDisk();
    // Created, head written and synced, folder synced.
    disk.stopAfter = created + 4;
    await Promise.race([fill(disk), disk.stopped]);
    return disk.reopen();
  }

  it('never names a segment before those that were dropped', async () => {
    const disk = await diesAtSecondSegment();
    const { queue } = await openTestQueue({ disk, seed: 2 });
    const before = [...queue.entries()].map(({ id }) => id);
    const kept = await accept(queue, 'kept');
    for (const id of before) await queue.settle(id, DELIVERED);
    await settleDown();
    const names = (await disk.list(`/queue/lanes/${kept.split('-')[0]}`)).join();
    expect(names).not.toContain(SECOND);
    for (let seed = 1; seed <= 100; seed += 1) {
      const after = await openTestQueue({ disk: disk.restart(seeded(seed).fraction), seed: 3 });
      await adoptAll(after);
      expect(after.queue.entry(kept), `seed ${seed}`).toBeDefined();
    }
  });
});
