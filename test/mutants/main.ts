/**
 * Breaks each rule of the queue, one at a time, and shows that the simulation finds it. Exits with 1 where one survives,
 * or where its trial has come to no verdict.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { table } from '../bench/table.ts';
import { MUTANTS } from './list.ts';
import { parseOptions } from './options.ts';
import { describe, page } from './page.ts';
import { type Trial, tryAll } from './trial.ts';

const ROOT = resolve(import.meta.dirname, '../..');

async function main(): Promise<void> {
  const options = parseOptions(
    process.argv.slice(2),
    MUTANTS.map(({ name }) => name),
  );
  const { only, seed, schedules } = options;
  const mutants = only.length > 0 ? MUTANTS.filter(({ name }) => only.includes(name)) : MUTANTS;
  if (options.list) {
    console.log(
      table(
        ['mutant', 'rule'],
        mutants.map(({ name, rule }) => [name, rule]),
      ),
    );
    return;
  }
  const trials = await tryAll(mutants, { ...options, root: ROOT }, (trial) => {
    const [by, after, caughtAt] = describe(trial.outcome);
    console.error(
      `${trial.mutant.name}: ${by}, schedules ${after}, seed ${caughtAt}, ${trial.seconds.toFixed(1)} s`,
    );
  });
  console.log(
    table(
      ['mutant', 'caught as', 'schedules', 'seed'],
      trials.map(({ mutant, outcome }) => [mutant.name, ...describe(outcome)]),
    ),
  );
  const uncaught = trials.filter(({ outcome }: Trial) => outcome.state !== 'caught');
  console.log(`${trials.length - uncaught.length} of ${trials.length} caught`);
  if (uncaught.length > 0) {
    for (const { mutant } of uncaught) console.log(`not caught: ${mutant.name}: ${mutant.rule}`);
    process.exitCode = 1;
  } else if (options.write) {
    writeFileSync(join(ROOT, 'docs/queue-mutants.md'), page({ trials, seed, schedules }));
  }
}

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
