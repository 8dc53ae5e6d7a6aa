import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { crdFiles } from './gen-crds.ts';

const root = resolve(import.meta.dirname, '..');

it('regenerating changes nothing', () => {
  // Fails with the names of the files that are not up to date.
  execFileSync(process.execPath, ['scripts/gen.ts', '--check'], { cwd: root, stdio: 'pipe' });
});

it('every CRD is there as it is generated', () => {
  const files = [...crdFiles(root)];
  expect(files.length).toBe(5);
  for (const [path, text] of files) expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

it('the kustomization of the CRDs names all of them', () => {
  const text = readFileSync(join(root, 'crds/kustomization.yaml'), 'utf8');
  const { resources } = parse(text) as { resources: string[] };
  expect(resources.map((path) => `crds/${path}`).sort()).toEqual([...crdFiles(root).keys()].sort());
});
