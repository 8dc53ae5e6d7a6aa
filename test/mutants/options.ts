/** Command line of the mutants' trials. Throws with a usage text for anything that it doesn't know. */
import { parseArgs } from 'node:util';

export const USAGE = `usage: node test/mutants/main.ts [options]
  --only A,B       mutants of these names
  --schedules N    schedules that each may take to be caught (10000)
  --seed N         of the first schedule (1)
  --at-once N      trials side by side (2)
  --timeout N      seconds for one trial (900)
  --write          renews docs/queue-mutants.md, where all were tried and caught
  --list           names them, and ends`;

export interface Options {
  readonly only: readonly string[];
  readonly schedules: number;
  readonly seed: number;
  readonly atOnce: number;
  readonly timeoutMs: number;
  readonly write: boolean;
  readonly list: boolean;
}

export function parseOptions(args: readonly string[], names: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      schedules: { type: 'string' },
      seed: { type: 'string' },
      'at-once': { type: 'string' },
      timeout: { type: 'string' },
      write: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',') ?? [];
  for (const name of only) if (!names.includes(name)) throw new Error(`no mutant ${name}\n${USAGE}`);
  if (values.write && only.length > 0) throw new Error(`--write needs the trial of all\n${USAGE}`);
  return {
    only,
    schedules: count('schedules', values.schedules, 10_000),
    seed: count('seed', values.seed, 1),
    atOnce: count('at-once', values['at-once'], 2),
    timeoutMs: 1000 * count('timeout', values.timeout, 900),
    write: values.write,
    list: values.list,
  };
}

function count(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} must be a whole number above 0\n${USAGE}`);
  return value;
}
