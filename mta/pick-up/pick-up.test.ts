import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import type { Domain } from '../config.ts';
import { usePeers } from '../deliver/testing/use-peers.ts';
import { smtpError } from '../errors.ts';
import { CLIENT, hopsTo, openWorld, ownDomain, type World } from '../testing/flow-world.ts';
import { compileHeld } from './hold.ts';
import { reholdChanged } from './pick-up.ts';

const { peerOf } = usePeers();
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 8000, interval: 5 });
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const held = (maxAgeSeconds: number): Domain =>
  ownDomain('held.test', {
    target: { type: 'hold', maxAgeSeconds, etrnFrom: ['192.0.2.1'], users: [], hosts: [] },
  });

async function holding(maxAgeSeconds: number) {
  const peer = await peerOf();
  const world = await openWorld({ hops: hopsTo(peer.port), config: { domains: [held(maxAgeSeconds)] } });
  worlds.push(world);
  return { ...world, peer };
}

const change = async ({ use, queue, scheduler }: World, from: Domain, to: Domain) => {
  use({ domains: [to] });
  const [before, now] = [from, to].map((domain) => compileHeld({ domains: [domain] }));
  await reholdChanged(before!, now!, { queue, scheduler, clock: systemClock });
};

describe('mail that is held', () => {
  it('is tried when its domain has another target, and not before', async () => {
    const world = await holding(86_400);
    await world.accept({ to: ['anna@held.test'] });
    const [{ jobs, envelope } = { jobs: [], envelope: undefined }] = await world.queued();
    expect(jobs[0]!.dueAt).toBe(envelope!.arrivedAt + DAY_MS);
    await change(world, held(86_400), ownDomain('held.test'));
    await until(() => expect(world.ended).toMatchObject([{ to: 'anna@held.test', outcome: 'delivered' }]));
  });

  it('waits for less long when its domain says so, and for no longer than it was told to', async () => {
    const world = await holding(86_400);
    await world.accept({ to: ['anna@held.test'] });
    const dueAt = async () => {
      const [message] = await world.queued();
      return message!.jobs[0]!.dueAt - message!.envelope.arrivedAt;
    };
    await change(world, held(86_400), held(3600));
    expect(await dueAt()).toBe(3_600_000);
    await change(world, held(3600), held(7200));
    expect(await dueAt()).toBe(3_600_000);
  });

  it('waits for less long from the time that its sender has set', async () => {
    const world = await holding(86_400);
    const holdUntil = Date.now() + HOUR_MS;
    await world.accept({ to: ['anna@held.test'], holdUntil });
    await change(world, held(86_400), held(7200));
    expect((await world.queued())[0]!.jobs[0]!.dueAt).toBe(holdUntil + 2 * HOUR_MS);
  });

  it('waits on for its owner who has asked for it before the time that its sender has set, and gets it after', async () => {
    const world = await holding(86_400);
    const [past, future] = [Date.now() - HOUR_MS, Date.now() + HOUR_MS];
    await world.accept({ to: ['anna@held.test'], age: 2 * HOUR_MS, holdUntil: past });
    await world.accept({ to: ['bert@held.test'], holdUntil: future });
    const dueAt = async () => (await world.queued()).map(({ jobs }) => jobs[0]!.dueAt);
    expect(await dueAt()).toEqual([past + DAY_MS, future + DAY_MS]);
    await world.flow.pickUp.etrn(CLIENT, 'held.test');
    await until(() => expect(world.ended).toMatchObject([{ to: 'anna@held.test', outcome: 'delivered' }]));
    await until(async () => expect(await dueAt()).toEqual([future + DAY_MS]));
    expect(world.peer.lines.join()).not.toContain('bert@held.test');
  });

  it('waits no longer than until it has to be delivered by, whoever has asked for it before', async () => {
    const world = await holding(86_400);
    const [holdUntil, deliverBy] = [Date.now() + HOUR_MS, Date.now() + 2 * HOUR_MS];
    await world.accept({ to: ['anna@held.test'], deliverBy });
    await world.accept({ to: ['bert@held.test'], deliverBy, holdUntil });
    const jobs = async () => (await world.queued()).map((message) => message.jobs[0]);
    expect(await jobs()).toMatchObject([{ dueAt: deliverBy }, { dueAt: deliverBy }]);
    await world.flow.pickUp.etrn(CLIENT, 'held.test');
    const anna = { to: 'anna@held.test', outcome: 'delivered' };
    await until(() => expect(world.ended).toContainEqual(expect.objectContaining(anna)));
    await until(async () => expect(await jobs()).toMatchObject([{ attempts: 0, dueAt: deliverBy }]));
  });

  it('goes back to its sender when its time is up and its owner can not be reached', async () => {
    const world = await openWorld({
      hops: ({ key }) => (key === 'domain:held.test' ? smtpError('heldForPickUp') : []),
      config: { domains: [held(3600)] },
    });
    worlds.push(world);
    await world.accept({ to: ['anna@held.test'], age: 3_700_000 });
    await until(() => expect(world.ended[0]).toMatchObject({ to: 'anna@held.test', outcome: 'expired' }));
  });
});
