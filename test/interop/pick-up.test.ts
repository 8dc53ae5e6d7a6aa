/** Held mail that lies with several workers of several pods, fetched over one connection, and sent for by one ETRN. */

import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import type { Domain } from '../../mta/config.ts';
import { LIMITS, listener, scryptVerifier } from '../support/config.ts';
import type { Mta } from '../support/mta.ts';
import { startPods } from '../support/pods.ts';
import { freePort } from '../support/ports.ts';
import { startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** Two pods of two workers, each with a queue of its own. */
async function startHolders(
  held: Partial<Extract<Domain['target'], { type: 'hold' }>>,
): Promise<{ pods: Mta[]; odmr: number }> {
  const odmr = await freePort();
  const domain: Domain = {
    ...{ resource: 'MailDomain/test/held', domain: 'held.test', aliases: [], trusted: true },
    target: { type: 'hold', maxAgeSeconds: 86_400, etrnFrom: [], users: [], hosts: [], ...held },
    recipients: { mode: 'any', list: [] },
  };
  const odmrListener = listener(odmr, {
    ...{ name: 'odmr', role: 'odmr', relayFrom: [], limits: LIMITS },
    auth: { offered: true, required: true, allowWithoutTls: true },
  });
  const pods = await startPods(2, (n) => ({
    config: (_folder, ports) => ({
      domains: [domain],
      users: [
        {
          ...{ resource: 'MailUser/test/demo', username: 'demo', verifier: 'v' },
          ...{ senders: ['demo@held.test'], limits: {} },
        },
      ],
      secrets: { v: scryptVerifier('right') },
      listeners: [listener(ports.smtp), ...(n === 0 ? [odmrListener] : [])],
    }),
  }));
  ends.push(...pods.map((pod) => () => pod.stop()));
  return { pods, odmr };
}

const MESSAGES = 40;

/** On connections of their own, so that each worker gets some. */
async function fill(pods: readonly Mta[]): Promise<Set<string>> {
  const sent = new Set<string>();
  for (let n = 0; n < MESSAGES; n += 1) {
    const to = `r${n}@held.test`;
    const { client } = await SmtpClient.connect(pods[n % pods.length]!.ports.smtp);
    await client.command('EHLO client.test');
    const message = { from: 'x@elsewhere.test', to: [to], content: `Subject: ${n}\r\n\r\n${n}\r\n` };
    expect((await client.send(message)).code).toBe(250);
    client.close();
    sent.add(to);
  }
  return sent;
}

/** How many workers of a pod have some of it. */
const workersWith = async (mta: Mta): Promise<number> => {
  const { messages } = (await mta.control('/v1/messages?limit=1000')) as { messages: { id: string }[] };
  return new Set(messages.map(({ id }) => id.split('-')[0])).size;
};

it('ATRN brings what waits in each worker of each pod, each message once', async () => {
  const { pods, odmr } = await startHolders({ users: ['demo'] });
  const sent = await fill(pods);
  const socket: Socket = connect({ host: '127.0.0.1', port: odmr });
  const got: string[] = [];
  const say = (line: string) => socket.write(`${line}\r\n`);
  let state: 'client' | 'server' | 'content' = 'client';
  const auth = Buffer.from('\0demo\0right').toString('base64');
  const commands = ['EHLO customer.test', `AUTH PLAIN ${auth}`, 'ATRN'];
  for await (const line of createInterface({ input: socket })) {
    if (state === 'client') {
      if (/^\d{3}-/.test(line)) continue;
      expect(line).toMatch(/^2/);
      const next = commands.shift();
      if (next !== undefined) say(next);
      else {
        state = 'server';
        say('220 customer.test');
      }
    } else if (state === 'content') {
      if (line !== '.') continue;
      state = 'server';
      say('250 Ok');
    } else if (line.startsWith('DATA')) {
      state = 'content';
      say('354 go on');
    } else if (line.startsWith('QUIT')) {
      say('221 bye');
      break;
    } else {
      if (line.startsWith('RCPT')) got.push(/<(.*)>/.exec(line)![1]!);
      say('250 Ok');
    }
  }
  socket.destroy();
  expect(got.toSorted()).toEqual([...sent].toSorted());
  for (const mta of pods) {
    await waitFor('its queue to be empty', async () => {
      const { messages } = (await mta.control('/v1/queue')) as { messages: number };
      return messages === 0;
    });
    expect(mta.output()).not.toContain('defect');
  }
});

it('one ETRN has all of it sent', async () => {
  const sink = await startSink({});
  ends.push(() => sink.close());
  const { pods } = await startHolders({
    etrnFrom: ['127.0.0.1'],
    hosts: [{ host: '127.0.0.1', port: sink.port }],
  });
  const sent = await fill(pods);
  expect(await workersWith(pods[0]!)).toBe(2);
  const { client } = await SmtpClient.connect(pods[0]!.ports.smtp);
  await client.command('EHLO owner.test');
  expect((await client.command('ETRN held.test')).text).toMatch(/^253 2\.0\.0 OK, 40 pending messages/);
  client.close();
  await waitFor('all to be delivered', () => sink.messages.length === MESSAGES);
  expect(new Set(sink.messages.flatMap(({ to }) => to))).toEqual(sent);
});
