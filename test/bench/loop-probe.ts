/**
 * Loaded into a process that is measured (`node --import`): how long its event loop was kept from anything else, as lines of the file
 * BENCH_LOOP_PROBE.
 */
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const [RESOLUTION_MS, LOOK_MS] = [10, 100];
const file = process.env['BENCH_LOOP_PROBE'];
if (file === undefined) throw new Error('BENCH_LOOP_PROBE is not set');

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
setInterval(() => {
  const longest = delay.max / 1e6 - RESOLUTION_MS;
  delay.reset();
  if (longest > RESOLUTION_MS) appendFileSync(file, `${longest.toFixed(1)}\n`);
}, LOOK_MS).unref();
