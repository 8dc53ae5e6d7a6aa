import { expect, it } from 'vitest';
import { SegmentReaders } from './segment-readers.ts';
import { MemoryDisk } from './testing/memory-disk.ts';

it('opens nothing any more when it has been closed, as nobody would close it', async () => {
  const disk = new MemoryDisk();
  await (await disk.create('/segment.0000000001')).write([Buffer.from('record')], 0);
  const readers = new SegmentReaders(disk, '/');
  const where = { segment: 1, offset: 0, length: 6 };
  expect((await readers.read(where)).toString()).toBe('record');
  await readers.closeAll();
  let opened = 0;
  const { open } = disk;
  disk.open = (path) => {
    opened += 1;
    return open.call(disk, path);
  };
  await expect(readers.read(where)).rejects.toMatchObject({ code: 'LaneLost' });
  expect(opened).toBe(0);
});
