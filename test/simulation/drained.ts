/** Whether a fleet has nothing left to do. */
import type { Server } from './server.ts';
import { LANES } from './states.ts';
import type { Worker } from './worker.ts';

/** What there is still to do; undefined where everything has drained. */
export function whyNotDrained(workers: readonly Worker[], server: Server): string | undefined {
  for (const worker of workers) {
    const { messages, name, unstored } = worker;
    if (messages === undefined) return `${name} has no queue`;
    if (messages > 0) return `${name} holds ${messages} messages`;
    if (unstored > 0) return `${name} waits for ${unstored} settlements`;
  }
  const lanes = server.find(LANES);
  if (lanes?.kind !== 'directory') return 'there is no queue';
  for (const [lane, folder] of lanes.names) {
    if (lane.endsWith('.retired') || folder.kind !== 'directory') continue;
    // Its maker died before it was a lane.
    if (![...folder.names.keys()].some((name) => /^lease\.\d/.test(name))) continue;
    if (!workers.some((worker) => worker.owns(`${lane}-0`))) return `nobody owns lane ${lane}`;
  }
  return undefined;
}
