import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { MUTANTS } from './list.ts';
import { mutate, placesOf } from './mutant.ts';

const ROOT = resolve(import.meta.dirname, '../..');

it('gives each mutant a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

it.each(MUTANTS)('$name applies, and its files still run', (mutant) => {
  const places = placesOf(mutant);
  expect(new Set(places.map(({ file }) => file)).size).toBe(places.length);
  for (const place of places) {
    const source = readFileSync(join(ROOT, place.file), 'utf8');
    const mutated = mutate(source, place, mutant.name);
    expect(mutated).not.toBe(source);
    expect(() => stripTypeScriptTypes(mutated)).not.toThrow();
  }
});

it('refuses a mutant whose piece is gone, or stands there twice', () => {
  const place = { file: 'f.ts', edits: [{ find: 'a', replace: 'b' }] };
  expect(mutate('cad', place, 'm')).toBe('cbd');
  expect(() => mutate('cd', place, 'm')).toThrow(/mutant m: .* stands 0 times in f.ts/);
  expect(() => mutate('aa', place, 'm')).toThrow(/stands 2 times in f.ts/);
});
