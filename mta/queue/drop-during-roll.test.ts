/** The oldest segment goes while the next one is begun. */
import { expect, it } from 'vitest';
import { settleDown, TestClock } from '../testing/test-clock.ts';
import { holdNext } from './testing/held-step.ts';
import { accept, DELIVERED, type LogLine, openTestQueue } from './testing/test-queue.ts';

/** With so many sealed segments the head of the next one takes another block for each of its copies; with one less it doesn't. */
const SEALED = 75;

it('leaves the groups of the new one where its head says that they are', async () => {
  const { queue, disk } = await openTestQueue();
  const folder = `/queue/lanes/${queue.home()!}`;
  const segments = () => disk.namesOf(folder).filter((name) => name.startsWith('segment.'));
  const inFirst: string[] = [];
  for (let n = 0; segments().length < SEALED; n += 1) {
    const id = await accept(queue, `m${n}`, Buffer.alloc(1900));
    if (segments().length === 1) inFirst.push(id);
  }
  await settleDown();
  const dropping = holdNext(disk, 'unlink', (path) => path.endsWith('/segment.0000000001'));
  for (const id of inFirst) await queue.settle(id, DELIVERED);
  await dropping.reached;

  const naming = holdNext(disk, 'syncDirectory', (path) => path === folder);
  let isBegun = false;
  void naming.reached.then(() => {
    isBegun = true;
  });
  const accepted: Promise<string>[] = [];
  while (!isBegun) {
    accepted.push(accept(queue, `later ${accepted.length}`, Buffer.alloc(1900)));
    await settleDown();
  }
  dropping.go();
  await settleDown();
  naming.go();
  const answered = await Promise.all(accepted);
  await settleDown();

  const lines: LogLine[] = [];
  const heir = await openTestQueue({ disk: disk.reopen(), clock: new TestClock(), seed: 2, lines });
  const found = new Set([...heir.queue.entries()].map(({ id }) => id));
  expect(answered.filter((id) => !found.has(id))).toEqual([]);
  expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
});
