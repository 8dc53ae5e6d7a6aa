/** A node dies, and mail that its pod was answerable for is under way elsewhere within a minute. */
import { expect, it } from 'vitest';
import { compose } from '../../chaos/account.ts';
import { SmtpClient } from '../../support/smtp-client.ts';
import { waitFor } from '../../support/wait.ts';
import { nodeOf, podsReady, type World } from '../world.ts';

const MESSAGES = 100;
const WITHIN_MS = 60_000;

export function nodeDies(world: () => World): void {
  it('its mail is delivered by another within a minute, and it comes back', async () => {
    const { cluster, servers } = world();
    const { account, series } = servers.open();
    const pods = await podsReady(cluster);
    // The one whose loss does not take away the way to the Services.
    const victim = pods.find(({ spec }) => spec.nodeName === cluster.nodes[1].name)!;
    servers.answering = false;
    const { client } = await SmtpClient.connect(2525, victim.status.podIP!);
    await client.command('EHLO client.test');
    for (let n = 1; n <= MESSAGES; n += 1) {
      const [id, recipients] = [`${series}m${n}`, [`a${n}@local.test`, `b${n}@far.test`]];
      const reply = await client.send({
        from: 'anna@sender.test',
        to: recipients,
        content: compose(id, 2000),
      });
      expect(reply.code).toBe(250);
      account.acknowledge(id, { kill: 0, recipients });
    }
    client.close();

    const died = performance.now();
    await nodeOf(cluster, victim).kill();
    servers.answering = true;
    await waitFor('all of it to arrive', () => account.missing === 0, { timeoutMs: WITHIN_MS });
    console.log(`a node died: its mail had arrived after ${Math.round(performance.now() - died)} ms`);
    expect(account.totals()).toMatchObject({ missing: [], damaged: [] });

    await cluster.restart(nodeOf(cluster, victim));
    await podsReady(cluster);
  });
}
