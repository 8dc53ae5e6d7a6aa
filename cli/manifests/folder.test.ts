import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiles, readFiles } from './folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'manifests-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the folder of manifests', () => {
  it('gives YAML and JSON files of all its folders in a fixed order', () => {
    mkdirSync(join(folder, 'b'));
    for (const name of ['z.yaml', 'b/a.yml', 'b/c.json', 'README.md', '.hidden.yaml', 'a.yaml~']) {
      writeFileSync(join(folder, name), name);
    }
    symlinkSync(join(folder, 'z.yaml'), join(folder, 'link.yaml'));
    symlinkSync(folder, join(folder, 'loop'));
    const { files, problems } = readFiles(folder);
    expect(files.map(({ path }) => path.slice(folder.length + 1))).toEqual([
      'b/a.yml',
      'b/c.json',
      'link.yaml',
      'z.yaml',
    ]);
    expect(problems).toEqual([]);
  });

  it('notices a file that was replaced by one of the same size', () => {
    const path = join(folder, 'a.yaml');
    writeFileSync(path, 'one');
    const before = listFiles(folder);
    writeFileSync(`${path}.new`, 'two');
    renameSync(`${path}.new`, path);
    expect(listFiles(folder)).not.toEqual(before);
  });

  it('says what it cannot read', () => {
    writeFileSync(join(folder, 'a.yaml'), Buffer.from([0xff, 0xfe]));
    symlinkSync(join(folder, 'nowhere'), join(folder, 'b.yaml'));
    expect(readFiles(folder).problems.map(({ message }) => message)).toEqual([
      'This file is not UTF-8 text',
      "This file can't be read (ENOENT)",
    ]);
    expect(() => listFiles(join(folder, 'missing'))).toThrow('There is no folder');
  });
});
