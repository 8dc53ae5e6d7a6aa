import { describe, expect, it } from 'vitest';
import { diskError, MemoryDisk } from './queue/testing/memory-disk.ts';
import { systemRandom } from './random.ts';
import {
  DRAFT,
  namesIn,
  parsedJson,
  readSmall,
  replaceFile,
  unlessMissing,
  writeSmall,
} from './small-files.ts';

describe('small files', () => {
  it('are there as a whole, and in the place of what was there before', async () => {
    const disk = new MemoryDisk();
    await disk.makeDirectory('/a');
    const path = '/a/one.json';
    for (const text of ['a long first one', 'next']) {
      await replaceFile(path, Buffer.from(text), { disk, random: systemRandom });
      expect(await readSmall(disk, path, 100)).toBe(text);
    }
    expect(await namesIn(disk, '/a')).toEqual(['one.json']);
  });

  it('that can not be written leave what was there, and no draft', async () => {
    const disk = new MemoryDisk();
    await disk.makeDirectory('/a');
    const path = '/a/one.json';
    await replaceFile(path, Buffer.from('first'), { disk, random: systemRandom });
    const drafts: string[] = [];
    disk.inject = (step) => {
      if (step.operation === 'create') drafts.push(step.path);
      return step.operation === 'sync' ? Object.assign(new Error('EIO'), { code: 'EIO' }) : undefined;
    };
    await expect(
      replaceFile(path, Buffer.from('next'), { disk, random: systemRandom }),
    ).rejects.toMatchObject({
      code: 'EIO',
    });
    expect(drafts).toEqual([expect.stringMatching(DRAFT)]);
    expect(await namesIn(disk, '/a')).toEqual(['one.json']);
    expect(await readSmall(disk, path, 100)).toBe('first');
  });

  it('that are not there have no text, and a folder that is not there has no names', async () => {
    const disk = new MemoryDisk();
    expect(await readSmall(disk, '/a/one.json', 100)).toBeUndefined();
    expect(await namesIn(disk, '/a')).toEqual([]);
  });

  it('what is no JSON is nothing', () => {
    expect([parsedJson('{"a":1}'), parsedJson('{"a":')]).toEqual([{ a: 1 }, undefined]);
  });
});

async function written(text: string): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await writeSmall(disk, '/a.new', Buffer.from(text), () => disk.rename('/a.new', '/a'));
  return disk;
}

describe('a small file', () => {
  it('is read as it was written, and is not there under the name of its draft', async () => {
    const disk = await written('ü');
    expect(await readSmall(disk, '/a', 2)).toBe('ü');
    expect(disk.namesOf('/')).toEqual(['a']);
  });

  it('is read up to a length, and is told from one of that length', async () => {
    expect(await readSmall(await written('123'), '/a', 2)).toBe('123');
    expect(await readSmall(await written('12345'), '/a', 2)).toBe('123');
  });

  it('that is missing is undefined, and any other failure is told', async () => {
    const disk = new MemoryDisk();
    expect(await readSmall(disk, '/a', 2)).toBeUndefined();
    await expect(
      unlessMissing(Promise.reject(diskError('EIO', { operation: 'open', path: '/a' }))),
    ).rejects.toThrow('EIO');
  });

  it('leaves no draft where it could not be written or named', async () => {
    for (const operation of ['write', 'sync', 'rename']) {
      const disk = new MemoryDisk();
      disk.inject = (step) => (step.operation === operation ? diskError('EIO', step) : undefined);
      const writing = writeSmall(disk, '/a.new', Buffer.from('1'), () => disk.rename('/a.new', '/a'));
      await expect(writing).rejects.toThrow('EIO');
      expect(disk.namesOf('/')).toEqual([]);
    }
  });
});
