/** Mail comes in through the Service, and comes out at a mail store and at another MTA. */
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Dovecot, startDovecot } from '../../support/dovecot.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { freePort } from '../../support/ports.ts';
import { type Postfix, startPostfix } from '../../support/postfix.ts';
import { SmtpClient } from '../../support/smtp-client.ts';
import { waitFor } from '../../support/wait.ts';
import { serveOutside } from '../cluster/outside.ts';
import { domain, NAMESPACE, relay } from '../fleet.ts';
import { fleetReady, podsReady, underLoad, type World } from '../world.ts';

const NOBODY = 65534;

export function delivery(world: () => World): void {
  let dovecot: Dovecot;
  let postfix: Postfix;
  const folder = temporaryFolder('foreign-mta');

  beforeAll(async () => {
    const { cluster } = world();
    const { gateway } = cluster.places;
    dovecot = await startDovecot(gateway);
    mkdirSync(join(folder, 'mail'));
    chownSync(join(folder, 'mail'), NOBODY, NOBODY);
    const port = await freePort(gateway);
    postfix = await startPostfix({
      ...{ folder, address: gateway, port },
      mainCf: `
mynetworks = ${cluster.places.network} ${cluster.places.pods}
virtual_mailbox_domains = foreign.test
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:${NOBODY}
virtual_gid_maps = static:${NOBODY}
`,
    });
    const service = (name: string, given: number, targetPort: number) =>
      serveOutside(cluster.client, {
        ...{ namespace: NAMESPACE, name, address: gateway },
        ports: [{ port: given, targetPort, protocol: 'TCP' }],
      });
    await service('dovecot', 24, dovecot.lmtpPort);
    await service('postfix', 25, port);
    await cluster.apply([
      domain('store', 'store.test', 'dovecot'),
      relay('foreign', 'foreign.test', 'postfix'),
    ]);
  });
  afterAll(async () => {
    await postfix?.stop();
    await dovecot?.stop();
  });

  it('its resources become ready, and its pods are on two nodes', async () => {
    const { cluster } = world();
    await fleetReady(cluster, 'maildomain', 'store');
    await fleetReady(cluster, 'mailrelay', 'foreign');
    const pods = await podsReady(cluster);
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(2);
  });

  it('comes out at a mail store and at another MTA', async () => {
    const { client } = await SmtpClient.connect(25, world().service);
    await client.command('EHLO client.test');
    const content =
      'From: <anna@sender.test>\r\nSubject: hello\r\nMessage-ID: <one@sender.test>\r\n\r\nhello\r\n';
    const to = ['bob@store.test', 'carl@foreign.test'];
    const reply = await client.send({ from: 'anna@sender.test', to, content });
    expect(reply.text).toMatch(/^250 /);
    client.close();
    const stored = await waitFor('Dovecot to have it', async () => (await dovecot.inbox('bob'))[0]);
    expect(stored).toContain('Message-ID: <one@sender.test>');
    const inbox = join(folder, 'mail/inbox/new');
    const file = await waitFor('Postfix to have it', () => readdirSync(inbox)[0]);
    const delivered = readFileSync(join(inbox, file), 'latin1');
    expect(delivered).toContain('Message-ID: <one@sender.test>');
    expect(delivered).toMatch(/Received: .*by mx\.example\.test/s);
  });

  it('none is lost, doubled or damaged', async () => {
    const totals = await underLoad(world(), (load) =>
      waitFor('a few hundred messages', () => load.sent > 300, { timeoutMs: 60_000 }).then(() => undefined),
    );
    expect(totals.acknowledged).toBeGreaterThan(200);
    expect(totals).toMatchObject({ missing: [], duplicates: 0, damaged: [], unanswered: 0 });
  });
}
