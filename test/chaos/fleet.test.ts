/**
 * Faults of every kind on three nodes that share a queue over a network file system, in a small number; the long run is
 * `node test/chaos/main.ts` (docs/chaos.md). POSTRIDER_SEED repeats the plan of a run.
 */
import { expect, it } from 'vitest';
import { describeWith } from '../support/debian.ts';
import { runChaos } from './run.ts';
import { failures, table } from './table.ts';

describeWith(['glusterfs', 'unshare', 'mkfs.ext4', 'root'], 'a fleet over a network file system', () => {
  it('loses nothing, and tries again only what a fault interrupted', async () => {
    const report = await runChaos({
      kills: 20,
      stops: 4,
      outages: 3,
      full: 1,
      nodes: 3,
      termSeconds: 3,
      everyMs: 2000,
      pauseMs: 200,
      seed: Number(process.env['POSTRIDER_SEED'] ?? Date.now() % 1_000_000),
    });
    console.log(table(report));
    expect(failures(report)).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(200);
  });
});
