#!/usr/bin/env node
/**
 * `postrider`, also installed as `kubectl postrider`. Exit codes: 0 done, 1 problems were found or something failed,
 * 2 wrong usage.
 */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { systemClock } from '../mta/clock.ts';
import { PostriderError } from '../mta/errors.ts';
import { systemRandom } from '../mta/random.ts';
import { program } from './program.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function signals() {
  const stop = new AbortController();
  const kill = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => (stop.signal.aborted ? kill : stop).abort());
  }
  return { stop: stop.signal, kill: kill.signal };
}

let code = 0;
const root = program(
  {
    // npm sets it for the scripts of package.json: where `postrider` is no command yet.
    self: process.env['npm_lifecycle_event'] === undefined ? 'postrider' : 'npm run -s postrider --',
    write: (line) => process.stdout.write(`${line}\n`),
    writeRaw: (bytes) => process.stdout.write(bytes),
    complain: (line) => process.stderr.write(`${line}\n`),
    fail: () => {
      code = 1;
    },
    signals,
    clock: systemClock,
    random: systemRandom,
  },
  version,
);
for (const command of [root, ...root.commands]) command.exitOverride();

try {
  await root.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said what it had to say; --help and --version are none of the user's mistakes.
    code = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof PostriderError) {
    process.stderr.write(`postrider: ${error.message}\n`);
    if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
    code = error.code === 'UsageError' ? 2 : 1;
  } else {
    throw error;
  }
}
process.exitCode = code;
