/** A supervisor that is gone takes its workers with it: they keep neither ports nor lanes. */
import { describe, expect, it } from 'vitest';
import { startMta } from '../support/mta.ts';
import { processes, tree } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

describe('a supervisor', () => {
  it('that is killed leaves no worker, and the next one starts at once', async () => {
    const mta = await startMta({ config: () => ({ workers: 2 }) });
    try {
      const { pid } = mta.running;
      const workers = tree(pid).filter(({ parent }) => parent === pid);
      expect(workers).toHaveLength(2);
      process.kill(pid, 'SIGKILL');
      const pids = new Set(workers.map((worker) => worker.pid));
      await waitFor('its workers to end', () => !processes().some((each) => pids.has(each.pid)));
      await mta.restart();
      expect((await mta.health('/readyz')).ok).toBe(true);
    } finally {
      await mta.kill9();
    }
  });

  it('that is stopped while it starts ends in order', async () => {
    const mta = await startMta({ wait: false, config: () => ({ workers: 2 }) });
    try {
      await waitFor('a worker', () => tree(mta.running.pid).some(({ parent }) => parent === mta.running.pid));
      await mta.running.stop('SIGTERM', 10_000);
      expect(mta.running.ended()).toBe(0);
    } finally {
      await mta.kill9();
    }
  });
});
