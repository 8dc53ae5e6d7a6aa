import { afterEach, describe, expect, it, vi } from 'vitest';
import { changeJobs, falseIfGone } from './change-jobs.ts';
import { usePeers } from './deliver/testing/use-peers.ts';
import { smtpError } from './errors.ts';
import type { Job } from './queue/types.ts';
import { hopsTo, idOf, openWorld, ownDomain, type World } from './testing/flow-world.ts';

const { peerOf } = usePeers();
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** A message that waits for its owner. */
async function waiting() {
  const { port } = await peerOf();
  const target = { type: 'hold' as const, maxAgeSeconds: 3600, etrnFrom: [], users: [], hosts: [] };
  const world = await openWorld({
    hops: hopsTo(port),
    config: { domains: [ownDomain('held.test', { target })] },
  });
  worlds.push(world);
  const id = idOf(await world.accept({ to: ['anna@held.test'] }));
  return { world, id, entry: world.queue.entry(id)! };
}

const now = (job: Job): Job => ({ ...job, dueAt: Date.now() });

describe('jobs that wait', () => {
  it('are changed at once, and tried when they are due, and kept when that is on stable storage', async () => {
    const { world, id, entry } = await waiting();
    const { jobs, stored } = changeJobs(entry, now, world);
    expect(jobs).toHaveLength(1);
    expect(world.queue.entry(id)!.jobs).toEqual(jobs);
    expect(await stored).toBe(true);
    await vi.waitFor(() => expect(world.ended).toMatchObject([{ id, outcome: 'delivered' }]), 8000);
  });

  it('stay as they are where there is nothing to change', async () => {
    const { world, id, entry } = await waiting();
    const { jobs, stored } = changeJobs(entry, () => undefined, world);
    expect(jobs).toEqual([]);
    expect(await stored).toBe(false);
    expect(world.queue.entry(id)!.jobs).toEqual(entry.jobs);
  });

  it('are left out where their message has ended, and nothing else is', async () => {
    const { world, id, entry } = await waiting();
    expect(await world.operations.act('remove', [id])).toBe(1);
    expect(await changeJobs(entry, now, world).stored.catch(falseIfGone)).toBe(false);
    expect(() => falseIfGone(smtpError('localError'))).toThrow();
  });
});
