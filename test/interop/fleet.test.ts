/** Pods of a fleet as real processes that reach each other over TLS, and a next hop that counts. */
import { afterEach, expect, it } from 'vitest';
import type { Relay } from '../../mta/config.ts';
import { relay } from '../support/config.ts';
import type { Mta } from '../support/mta.ts';
import { fleetView, startPods } from '../support/pods.ts';
import { type Sink, type SinkOptions, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const TERM_SECONDS = 3;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function sinkOf(options: SinkOptions): Promise<Sink> {
  const sink = await startSink(options);
  ends.push(() => sink.close());
  return sink;
}

/** Pods with a queue of their own each, relaying to one port. */
async function startFleet(count: number, to: number, limits: Partial<Relay['limits']>): Promise<Mta[]> {
  const pods = await startPods(count, () => ({
    config: (folder) => ({
      queue: {
        mode: 'PerReplica',
        path: `${folder}/queue`,
        leaseTermSeconds: TERM_SECONDS,
        inlineBodyBytes: 65_536,
        segmentBytes: 8_000_000,
        minFreeBytes: 0,
        initialize: true,
      },
      relays: [
        relay('out', '127.0.0.1', to, {
          limits: { connections: 20, messagesPerConnection: 1000, ...limits },
        }),
      ],
    }),
  }));
  ends.push(...pods.map((pod) => () => pod.stop()));
  return pods;
}

async function send(mta: Mta, messages: number, to = 'x@far.test'): Promise<void> {
  const { client } = await SmtpClient.connect(mta.ports.smtp);
  await client.command('EHLO client.test');
  for (let n = 0; n < messages; n += 1) {
    const reply = await client.send({ from: 'a@near.test', to: [to], content: `Subject: ${n}\r\n\r\nx\r\n` });
    expect(reply.code).toBe(250);
  }
  client.close();
}

it('two pods with two workers each never have more connections than the limit, but for one each', async () => {
  const limit = 4;
  const sink = await sinkOf({ delayMs: 20 });
  const fleet = await startFleet(2, sink.port, { connections: limit });
  await Promise.all(fleet.map((mta) => send(mta, 400)));
  await waitFor('all to arrive', () => sink.messages.length === 800, { timeoutMs: 60_000 });
  expect(sink.mostOpen()).toBeLessThanOrEqual(limit + fleet.length);
  expect(sink.mostOpen()).toBeGreaterThan(1);
});

it('one pod alone with mail gets all connections, and gives them back', async () => {
  const limit = 6;
  const sink = await sinkOf({ delayMs: 50 });
  const [one, other] = await startFleet(2, sink.port, { connections: limit });
  const sending = send(one!, 1500);
  const tokens = async (mta: Mta) =>
    (await fleetView(mta)).budgets.find(({ id }) => id.startsWith('connections '))?.tokens;
  await waitFor('all tokens', async () => (await tokens(one!)) === limit);
  await sending;
  await send(other!, 50);
  await waitFor('all to arrive', () => sink.messages.length === 1550, { timeoutMs: 60_000 });
  expect(sink.mostOpen()).toBeLessThanOrEqual(limit + 2);
});

it('a rate is the whole fleet’s', async () => {
  const times: number[] = [];
  const sink = await sinkOf({ onMessage: () => times.push(performance.now()) });
  const most = 20;
  const windowMs = 2000;
  const fleet = await startFleet(2, sink.port, { rate: { messages: most, seconds: windowMs / 1000 } });
  const began = performance.now();
  await Promise.all(fleet.map((mta) => send(mta, 40)));
  await waitFor('all to arrive', () => times.length === 80, { timeoutMs: 60_000 });
  // A message counts when it is let go: how long it takes to arrive is nobody's to say.
  const early = times.filter((at, n) => at - began < windowMs * Math.floor(n / (most + fleet.length)));
  expect(early).toEqual([]);
});

it('a pod goes on when the others die, and hears them when they are back', async () => {
  const sink = await sinkOf({});
  const [one, other] = await startFleet(2, sink.port, { connections: 4 });
  await other!.kill9();
  await waitFor('the dead to be missed', async () => !(await fleetView(one!)).members[0]!.live);
  await send(one!, 100);
  await waitFor('all to arrive', () => sink.messages.length === 100, { timeoutMs: 30_000 });
  await other!.restart();
  await waitFor('it to be heard', async () => (await fleetView(one!)).members[0]!.live);
  expect(await one!.metric('postrider_fleet_calls_total')).toBeGreaterThan(0);
});
