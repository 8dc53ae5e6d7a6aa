/** What a process tree has used: processor time with that of processes that have ended, and memory. */
import { readFileSync } from 'node:fs';
import { tree } from '../support/processes.ts';

// USER_HZ is 100 on every Linux that Node runs on (proc(5)).
const MS_PER_TICK = 10;

/** Processor time of the tree in ms, processes that its members have reaped among them. */
export function cpuMs(root: number): number {
  return tree(root).reduce((sum, process) => sum + process.ticks + process.reapedTicks, 0) * MS_PER_TICK;
}

/**
 * Resident memory of the tree in MiB: the sum over its processes of their proportional share (PSS), so that pages that
 * Postfix's many processes, or Node's few, have in common are counted once.
 */
export function residentMiB(root: number): number {
  let kib = 0;
  for (const { pid } of tree(root)) {
    try {
      kib += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return kib / 1024;
}

/** Samples memory until `stop`, which gives the peak. */
export function watchMemory(root: number, everyMs = 250): () => number {
  let peak = residentMiB(root);
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMiB(root));
  }, everyMs);
  return () => {
    clearInterval(timer);
    return Math.max(peak, residentMiB(root));
  };
}
