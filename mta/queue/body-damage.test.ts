/** The content of large messages is what was written, or is not given away as a whole. */
import { describe, expect, it } from 'vitest';
import { PostriderError } from '../errors.ts';
import { settleDown } from '../testing/test-clock.ts';
import { checkBody, readBody } from './body-reader.ts';
import type { Disk, DiskFile } from './disk.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import {
  accept,
  contentOf,
  DELIVERED,
  deferredUntil,
  type LogLine,
  openTestQueue,
  type TestQueue,
} from './testing/test-queue.ts';

const CONTENT = Buffer.alloc(200_000, 'a line of a large message\r\n');

async function bodiesOf(disk: MemoryDisk): Promise<string[]> {
  const found: string[] = [];
  for (const lane of await disk.list('/queue/lanes')) {
    const folder = `/queue/lanes/${lane}/body`;
    for (const name of await disk.list(folder)) found.push(`${folder}/${name}`);
  }
  return found;
}

function flip(bytes: Buffer): Buffer {
  bytes[100_000] = bytes[100_000]! ^ 1;
  return bytes;
}

/** What a reader gets before it is told that this is not all. */
async function readDamaged({ queue }: TestQueue, id: string): Promise<number> {
  const message = await queue.read(id);
  let got = 0;
  await expect(async () => {
    for await (const chunk of message!.content.stream()) got += (chunk as Buffer).length;
  }).rejects.toThrow(PostriderError);
  return got;
}

const errorsIn = (lines: readonly LogLine[]): string[] =>
  lines.filter(({ level }) => level === 'error').map(({ message }) => message);

describe('a flipped bit in a body', () => {
  it('keeps its reader from having all of it, and holds the message, for good', async () => {
    const lines: LogLine[] = [];
    const test = await openTestQueue({ lines });
    const id = await accept(test.queue, 'large', CONTENT);
    const other = await accept(test.queue, 'other', CONTENT);
    const [body] = await bodiesOf(test.disk);
    test.disk.damage(body!, flip);
    expect(await readDamaged(test, id)).toBeLessThan(CONTENT.length);
    await test.clock.advance(10_000);
    expect(test.queue.entry(id)?.jobs).toMatchObject([{ held: true, lastReply: { enhanced: '4.3.0' } }]);
    expect(test.queue.counts().damaged).toBe(1);
    expect(errorsIn(lines)).toEqual(['body of a message is damaged, and the message is held']);
    expect(await contentOf(test.queue, other)).toEqual(CONTENT);
    const after = await openTestQueue({ disk: test.disk.reopen(), seed: 9 });
    expect(after.queue.entry(id)?.jobs).toMatchObject([{ held: true }]);
    expect(after.queue.entry(other)?.jobs[0]?.held).toBeUndefined();
  });

  it('is found after compaction has moved the record', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'large', CONTENT);
    for (let i = 0; i < 60; i += 1) {
      await test.queue.settle(await accept(test.queue, 'small', Buffer.alloc(1000)), DELIVERED);
    }
    await settleDown();
    const [lane] = await test.disk.list('/queue/lanes');
    expect(await test.disk.list(`/queue/lanes/${lane}`)).not.toContain('segment.0000000001');
    const [body] = await bodiesOf(test.disk);
    test.disk.damage(body!, flip);
    expect(await readDamaged(test, id)).toBeLessThan(CONTENT.length);
  });

  it('that is seen for a moment only, as over a network, holds nothing', async () => {
    const lines: LogLine[] = [];
    const test = await openTestQueue({ lines });
    const id = await accept(test.queue, 'large', CONTENT);
    const [body] = await bodiesOf(test.disk);
    test.disk.damage(body!, flip);
    await readDamaged(test, id);
    await test.clock.advance(1000);
    test.disk.damage(body!, flip);
    await test.clock.advance(10_000);
    expect(test.queue.entry(id)?.jobs[0]?.held).toBeUndefined();
    expect(test.queue.counts().damaged).toBe(0);
    expect(errorsIn(lines)).toEqual([]);
    expect(await contentOf(test.queue, id)).toEqual(CONTENT);
  });

  it('leaves what a settlement says meanwhile as it is', async () => {
    const test = await openTestQueue();
    const id = await accept(test.queue, 'large', CONTENT);
    const [body] = await bodiesOf(test.disk);
    test.disk.damage(body!, flip);
    await readDamaged(test, id);
    await test.queue.settle(id, deferredUntil(1_700_000_600_000, 3));
    await test.clock.advance(10_000);
    expect(test.queue.entry(id)?.jobs).toMatchObject([{ held: true, attempts: 3, dueAt: 1_700_000_600_000 }]);
  });
});

describe('a body', () => {
  const path = '/body';
  const write = async (disk: MemoryDisk, content: Buffer): Promise<void> => {
    const file = await disk.create(path);
    await file.write([content], 0);
  };

  it('whose checksum nobody has said is read as it is', async () => {
    const disk = new MemoryDisk();
    await write(disk, CONTENT);
    disk.damage(path, flip);
    const body = { path, size: CONTENT.length, crc: undefined };
    await expect(checkBody(disk, body)).resolves.toBeUndefined();
  });

  it('that is shorter than its record says is no damage yet', async () => {
    const disk = new MemoryDisk();
    await write(disk, CONTENT.subarray(1));
    await expect(checkBody(disk, { path, size: CONTENT.length, crc: 1 })).rejects.toThrow(/ends at/);
    await expect(checkBody(disk, { path, size: CONTENT.length, crc: 1 })).rejects.not.toThrow(PostriderError);
  });

  it('leaves no file open where its reader goes while it is being opened', async () => {
    const disk = new MemoryDisk();
    await write(disk, CONTENT);
    let open = 0;
    let begun = (): void => undefined;
    const beginning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const counting: Disk = Object.assign(Object.create(disk) as Disk, {
      async open(name: string): Promise<DiskFile> {
        begun();
        await settleDown();
        const file = await disk.open(name);
        open += 1;
        return {
          ...file,
          async close() {
            open -= 1;
          },
        };
      },
    });
    const stream = readBody(counting, { path, size: CONTENT.length, crc: undefined });
    stream.resume();
    await beginning;
    const closed = new Promise<void>((resolve) => stream.on('close', resolve));
    stream.destroy();
    await closed;
    await settleDown();
    expect(open).toBe(0);
  });
});
