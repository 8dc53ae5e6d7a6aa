#!/usr/bin/env node
/**
 * `node test/chaos/main.ts [--kills 1000] [--stops 100] [--outages 12] [--full 4] [--nodes 3] [--minutes N] [--seed N]
 * [--json FILE]`: faults on a fleet over a network file system, and the account of every message (docs/chaos.md). Needs
 * root and GlusterFS. Exit codes: 0 where nothing was lost and every duplicate has its fault, else 1; 64 for wrong arguments.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ChaosOptions, runChaos } from './run.ts';
import { failures, table } from './table.ts';

const DEFAULTS = {
  kills: 1000,
  stops: 100,
  outages: 12,
  full: 4,
  nodes: 3,
  term: 3,
  every: 1800,
  pause: 200,
  minutes: 600,
};

function options(): ChaosOptions & { json: string | undefined } {
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: 'string' as const }])),
      seed: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const given = values as Record<string, string | undefined>;
  const number = (name: keyof typeof DEFAULTS | 'seed', otherwise: number): number => {
    const value = given[name] === undefined ? otherwise : Number(given[name]);
    if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} is not a number: ${given[name]}`);
    return value;
  };
  const of = (name: keyof typeof DEFAULTS): number => number(name, DEFAULTS[name]);
  return {
    kills: of('kills'),
    stops: of('stops'),
    outages: of('outages'),
    full: of('full'),
    nodes: of('nodes'),
    termSeconds: of('term'),
    everyMs: of('every'),
    pauseMs: of('pause'),
    longestMs: of('minutes') * 60_000,
    seed: number('seed', Date.now() % 1_000_000),
    json: given['json'],
    onProgress: (text) => process.stderr.write(`${new Date().toISOString()} ${text}\n`),
  };
}

let chosen: ReturnType<typeof options>;
try {
  chosen = options();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(64);
}
const report = await runChaos(chosen);
process.stdout.write(table(report));
if (chosen.json !== undefined) writeFileSync(chosen.json, `${JSON.stringify(report, undefined, 2)}\n`);
const failed = failures(report);
for (const failure of failed) process.stdout.write(`FAILED: ${failure}\n`);
process.exit(failed.length === 0 ? 0 : 1);
