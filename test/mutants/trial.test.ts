import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folders.ts';
import { page } from './page.ts';
import { parseVerdict } from './simulation.ts';
import { tryAll, tryMutant } from './trial.ts';

/** A simulation that objects from seed 7 on where the rule is broken, and at seed 9 in any case. */
const SIMULATION = `
import { RULE } from '../../mta/rule.ts';
const [seed, schedules] = [process.argv[3], process.argv[5]].map(Number);
let run = 0;
const violations = [];
for (let at = seed; at < seed + schedules && violations.length === 0; at += 1) {
  run += 1;
  if (RULE === 'silent') process.exit(0);
  if ((RULE === 'broken' && at >= 7) || at === 9) violations.push({ seed: at, invariant: 'rule', text: 'broken' });
}
console.log('progress');
console.log(JSON.stringify({ schedules: run, steps: 1, faults: 1, seconds: 0.1, violations }));
process.exitCode = violations.length > 0 ? 1 : 0;
`;

function tree(): string {
  const root = temporaryFolder('mutants-test');
  for (const folder of ['mta', 'test/simulation', 'test/support', 'node_modules']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'mta/rule.ts'), "export const RULE: string = 'kept';\n");
  writeFileSync(join(root, 'test/simulation/main.ts'), SIMULATION);
  return root;
}

const breaking = (replace: string, find = "'kept'") => ({
  name: `to-${replace.replaceAll("'", '')}`,
  rule: 'The rule is kept.',
  file: 'mta/rule.ts',
  edits: [{ find, replace }],
});

const options = (root: string) => ({ root, seed: 1, schedules: 8, timeoutMs: 20_000 });

it('says by what a mutant was caught, when, and by which seed, and leaves the tree as it was', async () => {
  const root = tree();
  const { outcome } = await tryMutant(breaking("'broken'"), options(root));
  expect(outcome).toEqual({ state: 'caught', invariant: 'rule', seed: 7, schedules: 7 });
  expect(readFileSync(join(root, 'mta/rule.ts'), 'utf8')).toContain('kept');
});

it('says that a mutant survives', async () => {
  const { outcome } = await tryMutant(breaking("'harmless'"), options(tree()));
  expect(outcome).toEqual({ state: 'survived', schedules: 8 });
});

it('does not count a seed that objects without the mutant too', async () => {
  const { outcome } = await tryMutant(breaking("'harmless'"), { ...options(tree()), schedules: 9 });
  expect(outcome).toMatchObject({ state: 'failed', reason: expect.stringContaining('seed 9') });
});

it.each([
  ['that does not apply', breaking("'broken'", 'nowhere'), 'stands 0 times'],
  ['whose simulation says nothing', breaking("'silent'"), 'no verdict'],
])('shows nothing by a mutant %s', async (_, mutant, reason) => {
  const { outcome } = await tryMutant(mutant, options(tree()));
  expect(outcome).toMatchObject({ state: 'failed', reason: expect.stringContaining(reason) });
});

it('tries several at once and lists them in their order', async () => {
  const mutants = [breaking("'broken'"), breaking("'harmless'"), breaking("'silent'")];
  const trials = await tryAll(mutants, { ...options(tree()), atOnce: 2 }, () => undefined);
  expect(trials.map(({ outcome }) => outcome.state)).toEqual(['caught', 'survived', 'failed']);
  const text = page({ trials, seed: 1, schedules: 8 });
  expect(text).toContain('| `to-broken` | The rule is kept. | mta/rule.ts | rule | 7 | 7 |');
});

it('takes the last line alone for the verdict', () => {
  expect(() => parseVerdict('{}\n')).toThrow(/incomplete/);
  expect(parseVerdict('noise\n{"schedules":1,"seconds":2,"violations":[]}\n').schedules).toBe(1);
});
