/** The file system of this machine, as the queue uses it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from './disk.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postrider-disk-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a file', () => {
  it('is closed after what is under way, and takes nothing more', async () => {
    const file = await nodeDisk.create(join(folder, 'a'));
    let written = false;
    const writing = file.write([Buffer.alloc(32 << 20, 'x')], 0).then(() => {
      written = true;
    });
    await file.close();
    expect(written).toBe(true);
    await writing;
    // The number of its descriptor is this one's now.
    const other = await nodeDisk.create(join(folder, 'b'));
    await expect(file.write([Buffer.from('stray')], 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.sync()).rejects.toMatchObject({ code: 'EBADF' });
    expect(await other.size()).toBe(0);
    await file.close();
    await other.close();
  });

  it('is not created where its name is taken', async () => {
    const file = await nodeDisk.create(join(folder, 'a'));
    await file.close();
    await expect(nodeDisk.create(join(folder, 'a'))).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
