/** Makes a plan that breaks an invariant smaller, as long as it still breaks it. */
import type { Plan } from './plan.ts';
import { runSchedule } from './schedule.ts';

/** Runs at most. */
const MOST_RUNS = 400;

export async function shrink(plan: Plan, invariant: string, print: (line: string) => void): Promise<Plan> {
  let smallest = plan;
  let runs = 0;
  for (let changed = true; changed && runs < MOST_RUNS; ) {
    changed = false;
    for (const candidate of smaller(smallest)) {
      if (runs >= MOST_RUNS) break;
      runs += 1;
      const { violation } = await runSchedule(candidate);
      if (violation?.invariant !== invariant) continue;
      smallest = candidate;
      changed = true;
      break;
    }
  }
  const { violation, trace } = await runSchedule(smallest, true);
  print(`the smallest plan that was found in ${runs} runs:`);
  print(JSON.stringify(smallest));
  for (const line of trace.slice(-400)) print(line);
  if (violation) print(`${violation.invariant}: ${violation.text}`);
  return smallest;
}

function* smaller(plan: Plan): Generator<Plan> {
  for (const part of ['faults', 'stops', 'unreachable', 'messages'] as const) {
    const all: readonly unknown[] = plan[part];
    for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < all.length; from += size) {
        yield { ...plan, [part]: all.filter((_, i) => i < from || i >= from + size) };
      }
    }
  }
  for (let index = plan.processes.length - 1; index > 0; index -= 1) {
    yield { ...plan, processes: plan.processes.filter((_, i) => i !== index) };
  }
  if (plan.staleness > 0) yield { ...plan, staleness: 0 };
  if (plan.earlyFlush !== 1) yield { ...plan, earlyFlush: 1 };
  if (plan.duration > 4000) yield { ...plan, duration: Math.floor(plan.duration * 0.7) };
}
