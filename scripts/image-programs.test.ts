import { posix, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { importsOf } from '../test/architecture/sources.ts';
import { javaScript, programs } from './image-programs.ts';

const files = programs(resolve(import.meta.dirname, '..'));

it('the image has both programs, without tests', () => {
  expect([...files.keys()]).toEqual(expect.arrayContaining(['mta/main.js', 'operator/main.js']));
  expect([...files.keys()].filter((path) => /test|golden/.test(path))).toEqual([]);
});

it('whatever a file of it imports is there', () => {
  const missing = [...files].flatMap(([path, text]) =>
    importsOf(text)
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.join(posix.dirname(path), name))
      .filter((wanted) => !files.has(wanted))
      .map((wanted) => `${path} imports ${wanted}`),
  );
  expect(missing).toEqual([]);
});

it('a place in the JavaScript is the same place in the source', () => {
  const source = [
    "import type { A } from './a.ts';",
    "import { type B, c } from '../b/b.ts';",
    "const script = new URL('./main.ts', import.meta.url);",
    'export const d = (x: A): B => c(x as B); // see a.ts',
    '',
  ].join('\n');
  const made = javaScript(source);
  expect(made.split('\n').map((line) => line.length)).toEqual(source.split('\n').map((line) => line.length));
  expect(made.indexOf('c(x')).toBe(source.indexOf('c(x'));
  expect(made).not.toContain('type');
  expect(made).toContain("from '../b/b.js'");
  expect(made).toContain("new URL('./main.js', import.meta.url)");
});
