/** Runs many schedules, adds up what they met, and prints it. */
import { type Cell, Table } from './faults.ts';
import { type Plan, planOf } from './plan.ts';
import { LEAST_STEPS, type Outcome, runSchedule } from './schedule.ts';
import { shrink } from './shrink.ts';

export interface RunOptions {
  readonly seed: number;
  readonly schedules: number;
  /** Prints one last line of JSON, and doesn't shrink. */
  readonly json?: boolean;
  /** Prints every event of every schedule. */
  readonly trace?: boolean;
  readonly keepGoing?: boolean;
  print(line: string): void;
}

export interface RunReport {
  /** With two nodes, 200 steps and a fault at least; others aren't counted. */
  readonly schedules: number;
  readonly steps: number;
  readonly faults: number;
  readonly seconds: number;
  readonly violations: readonly {
    readonly seed: number;
    readonly invariant: string;
    readonly text: string;
  }[];
  readonly table: Table;
  /** Cells that should have been filled by so many schedules, and are not. */
  readonly missing: readonly Cell[];
}

/** Whether a schedule is one: smaller ones prove too little. */
const isCounted = ({ processes }: Plan, { steps, faults }: Outcome): boolean =>
  new Set(processes).size >= 2 && steps >= LEAST_STEPS && faults > 0;

/** Schedules from which on no cell of the table may be empty. */
const MANY = 50_000;

const PROGRESS_MS = 10_000;

export async function runAll(options: RunOptions): Promise<RunReport> {
  const { seed: first, schedules: wanted, json = false, trace = false, keepGoing = false, print } = options;
  const began = performance.now();
  const table = new Table();
  const totals = { schedules: 0, steps: 0, faults: 0, answered: 0, duplicates: 0, tooSmall: 0 };
  const violations: { seed: number; invariant: string; text: string }[] = [];
  const secondsSoFar = (): number => Math.round((performance.now() - began) / 100) / 10;
  let told = began;
  // Thousands of failures are made in each schedule: their stacks are worth their time where somebody reads along.
  Error.stackTraceLimit = trace ? 6 : 0;
  for (let seed = first; seed < first + wanted; seed += 1) {
    const plan = planOf(seed);
    const outcome = await runSchedule(plan, trace);
    if (trace) for (const line of outcome.trace) print(line);
    totals.steps += outcome.steps;
    totals.faults += outcome.faults;
    totals.answered += outcome.answered;
    totals.duplicates += outcome.duplicates;
    table.addAll(outcome.table);
    if (isCounted(plan, outcome)) totals.schedules += 1;
    else totals.tooSmall += 1;
    if (outcome.violation) {
      violations.push({ seed, ...outcome.violation });
      print(`seed ${seed}: ${outcome.violation.invariant}: ${outcome.violation.text}`);
      if (!keepGoing) break;
    }
    if (performance.now() - told > PROGRESS_MS && !json) {
      told = performance.now();
      print(`${seed - first + 1} of ${wanted} after ${secondsSoFar()} s, ${violations.length} violations`);
    }
  }
  const seconds = secondsSoFar();
  const empty = table.empty();
  const missing = wanted >= MANY ? empty : [];
  if (!json) {
    print(table.print());
    print(
      empty.length === 0
        ? 'no cell is empty'
        : `empty: ${empty.map(({ kind, state }) => `${kind} × ${state}`).join(', ')}`,
    );
    print(
      `seeds ${first} to ${first + wanted - 1}: ${totals.schedules} schedules (${totals.tooSmall} too small to count), ` +
        `${totals.steps} steps, ${totals.faults} faults, ${totals.answered} messages answered, ` +
        `${totals.duplicates} allowed duplicates, ${violations.length} violations, ${seconds} s`,
    );
    const [violation] = violations;
    if (violation) await shrink(planOf(violation.seed), violation.invariant, print);
  }
  const { schedules, steps, faults } = totals;
  if (json) print(JSON.stringify({ schedules, steps, faults, seconds, violations }));
  return { schedules, steps, faults, seconds, violations, table, missing };
}
