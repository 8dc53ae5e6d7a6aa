/**
 * Waiting for a machine with nothing else to do, by `/proc/stat` (proc(5)). What runs at low priority may run all day: it is
 * not waited for, and told.
 */
import { readFileSync } from 'node:fs';
import { waitFor } from '../support/wait.ts';

/** `yielding`: idle but for what runs at low priority. */
export type Idleness = 'idle' | 'yielding' | 'busy';

export interface Ticks {
  readonly idle: number;
  /** Of processes with a niceness above 0. */
  readonly nice: number;
  readonly all: number;
}

const ENOUGH = 0.85;

/** @param stat the text of `/proc/stat` */
export function ticksOf(stat: string): Ticks {
  // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in the first two already.
  const fields = stat.split('\n')[0]!.trim().split(/\s+/).slice(1, 9).map(Number);
  const [, nice = 0, , idle = 0, iowait = 0] = fields;
  return { idle: idle + iowait, nice, all: fields.reduce((sum, value) => sum + value, 0) };
}

export function idleness(before: Ticks, now: Ticks): Idleness {
  const all = Math.max(1, now.all - before.all);
  const idle = (now.idle - before.idle) / all;
  if (idle >= ENOUGH) return 'idle';
  return idle + (now.nice - before.nice) / all >= ENOUGH ? 'yielding' : 'busy';
}

/** Waits until the machine has been 85 % idle for half a second, low priority aside; gives up after `timeoutMs`: `busy`. */
export async function idleMachine(timeoutMs = 20_000): Promise<Idleness> {
  const look = () => ticksOf(readFileSync('/proc/stat', 'latin1'));
  let before = look();
  try {
    return await waitFor(
      'an idle machine',
      () => {
        const now = look();
        const found = idleness(before, now);
        before = now;
        return found !== 'busy' && found;
      },
      { timeoutMs, everyMs: 500 },
    );
  } catch {
    return 'busy';
  }
}
