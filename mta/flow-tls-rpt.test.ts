/** Mail for a mailbox for TLS reports whose volume fails: whoever its reverse-path names hears nothing of it. */
import { rm, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { usePeers } from './deliver/testing/use-peers.ts';
import {
  hopsTo,
  openWorld,
  ownDomain,
  type Sent,
  type World,
  type WorldOptions,
} from './testing/flow-world.ts';
import { googleReport, gzipped, reportMail } from './tls-rpt/receive/testing/reports.ts';

const { peerOf } = usePeers();
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const until = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 5 });
const failing = (world: World): string => `${world.folder}.tls-rpt-received`;

/** Bounces would go to `inbox`; where reports are kept there is no folder, but a file. */
async function openFailing(delivery: WorldOptions['delivery'] = {}) {
  const inbox = await peerOf();
  const world = await openWorld({
    hops: hopsTo(inbox.port),
    delivery: { delayWarningSeconds: 0, ...delivery },
    config: { domains: [ownDomain('ours.test', { tlsRpt: { mailbox: 'tls-reports', rua: [] } })] },
  });
  worlds.push(world);
  await writeFile(failing(world), '');
  return { world, inbox };
}

const sent: Sent = {
  to: ['tls-reports@ours.test'],
  content: reportMail(gzipped(googleReport())).toString('latin1'),
};

describe('mail for the mailbox for TLS reports, where its volume fails', () => {
  it.each([
    ['is too old', { age: 20 * 86_400_000 }],
    ['has to be delivered by a time that has passed', { age: 1000, deliverBy: 0, returned: true }],
  ] satisfies [string, Partial<Sent>][])('ends without a bounce when it %s', async (_what, change) => {
    const { world, inbox } = await openFailing();
    await world.accept({ ...sent, ...change });
    await until(() => expect(world.ended).toHaveLength(1));
    expect(world.ended[0]).toMatchObject({ outcome: 'expired', destination: 'tls-rpt:ours.test' });
    expect(await world.queued()).toEqual([]);
    expect(inbox.lines).toEqual([]);
    expect(world.defects).toEqual([]);
  });

  it('ends without a bounce when nobody has time for it', async () => {
    const { world, inbox } = await openFailing({
      retry: { initialSeconds: 60, factor: 1, maxSeconds: 60, jitter: 0 },
    });
    await world.accept(sent);
    await until(() => expect(world.attempted).toHaveLength(1));
    const [message] = await world.queued();
    const old = { ...message!.envelope, deliverBy: 0, deliverByMode: 'return' as const };
    vi.spyOn(world.queue, 'read').mockResolvedValue({ ...message!, envelope: old });
    const { stored } = await world.flow.lapse({ id: message!.id, job: message!.jobs[0]! });
    await stored;
    vi.restoreAllMocks();
    expect(world.ended).toMatchObject([{ outcome: 'expired' }]);
    expect(await world.queued()).toEqual([]);
    expect(inbox.lines).toEqual([]);
  });

  it.each([
    ['is late', { age: 200_000 }, { delayWarningSeconds: 100 }],
    ['is later than was asked for', { deliverBy: 1 }, {}],
  ] satisfies [string, Partial<Sent>, WorldOptions['delivery']][])(
    'waits without a warning when it %s, and ends when the volume is well again',
    async (_what, change, delivery) => {
      const { world, inbox } = await openFailing(delivery);
      await world.accept({ ...sent, ...change });
      await until(() => expect(world.attempted.length).toBeGreaterThan(2));
      expect(await world.queued()).toHaveLength(1);
      await rm(failing(world));
      await until(() => expect(world.ended).toHaveLength(1));
      expect(world.ended[0]).toMatchObject({ outcome: 'delivered', reply: { code: 250 } });
      expect(inbox.lines).toEqual([]);
    },
  );

  it('is told of when it is delivered, where that was asked for', async () => {
    const { world, inbox } = await openFailing();
    await rm(failing(world));
    await world.accept({ ...sent, notify: ['SUCCESS'] });
    await until(() => expect(inbox.contents).toHaveLength(1));
    expect(String(inbox.contents[0])).toContain('Action: delivered');
  });
});
