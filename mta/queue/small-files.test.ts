import { describe, expect, it } from 'vitest';
import { readSmall, unlessMissing, writeSmall } from './small-files.ts';
import { diskError, MemoryDisk } from './testing/memory-disk.ts';

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
