import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { MUTANTS } from './list.ts';
import { mutate } from './mutant.ts';

const ROOT = resolve(import.meta.dirname, '../..');

it('gives each mutant a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

it.each(MUTANTS)('$name applies, and its file still runs', (mutant) => {
  const source = readFileSync(join(ROOT, mutant.file), 'utf8');
  const mutated = mutate(source, mutant);
  expect(mutated).not.toBe(source);
  expect(() => stripTypeScriptTypes(mutated)).not.toThrow();
});

it('refuses a mutant whose piece is gone, or stands there twice', () => {
  const mutant = { name: 'm', rule: 'r', file: 'f.ts', edits: [{ find: 'a', replace: 'b' }] };
  expect(mutate('cad', mutant)).toBe('cbd');
  expect(() => mutate('cd', mutant)).toThrow(/stands 0 times in f.ts/);
  expect(() => mutate('aa', mutant)).toThrow(/stands 2 times in f.ts/);
});
