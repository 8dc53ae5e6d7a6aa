import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeDurably } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('a secret is its owner’s alone, whatever lay where it is written first', () => {
  const path = join(folder, 'secret');
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, 'left by a crash', { mode: 0o644 });
  writeDurably(path, 'one');
  expect(readFileSync(path, 'utf8')).toBe('one');
  expect(statSync(path).mode & 0o777).toBe(0o600);

  const other = join(folder, 'other');
  writeFileSync(other, 'of somebody else');
  symlinkSync(other, draft);
  writeDurably(path, 'two');
  expect(readFileSync(other, 'utf8')).toBe('of somebody else');
  expect(readFileSync(path, 'utf8')).toBe('two');
});
