/**
 * `node test/simulation/main.ts --seed N --schedules K [--json] [--trace] [--keep-going]`: runs the schedules of seeds N
 * to N+K-1. Ends with 1 at the first violation, having printed its seed and the smallest plan that still shows it; and
 * where 50,000 schedules have left a fault untried in a state in which it can strike.
 */
import { parseArgs } from 'node:util';
import { runAll } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    schedules: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

const [seed, schedules] = [Number(values.seed), Number(values.schedules)];
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(schedules) || schedules < 1) {
  console.error('--seed and --schedules take whole numbers');
  process.exit(2);
}
const report = await runAll({
  seed,
  schedules,
  json: values.json,
  trace: values.trace,
  keepGoing: values['keep-going'],
  print: (line) => console.log(line),
});
process.exit(report.violations.length + report.missing.length > 0 ? 1 : 0);
