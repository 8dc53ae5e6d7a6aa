/** Taking a pod away as a person does it: real mtas, the control port, the command, the folders as they are afterwards. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { paths } from '../../cli/local/state.ts';
import { systemClock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import type { Drained, DrainStatus } from '../../mta/control/drain-types.ts';
import type { HistoryRecord } from '../../mta/log/types.ts';
import { nodeDisk } from '../../mta/queue/disk.ts';
import { systemRandom } from '../../mta/random.ts';
import { Days, daysPath } from '../../mta/tls-rpt/days.ts';
import { dayOf } from '../../mta/tls-rpt/report.ts';
import { CONTROL_TOKEN, DELIVERY, relay } from '../support/config.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, ROOT, startMta } from '../support/mta.ts';
import { startPods } from '../support/pods.ts';
import { freePort, listens } from '../support/ports.ts';
import { run, tree } from '../support/processes.ts';
import { queue } from '../support/queue.ts';
import { startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

// Whole processes take their time on a busy machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });
const PATIENT = { timeoutMs: 120_000 };
const MESSAGES = 20;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function startPod(config: Partial<MtaConfig>): Promise<Mta> {
  const mta = await startMta({ config: () => ({ workers: 1, ...config }), readyMs: 120_000 });
  ends.push(() => mta.stop());
  return mta;
}

const queueOf = (folder: string, mode: MtaConfig['queue']['mode']): MtaConfig['queue'] => ({
  ...{
    mode,
    path: join(folder, 'queue'),
    leaseTermSeconds: 5,
    inlineBodyBytes: 2000,
    segmentBytes: 8_000_000,
  },
  ...{ minFreeBytes: 0, initialize: true },
});

/** What TLS reports are made of. */
const daysBeside = (queuePath: string) =>
  new Days({
    ...{ path: daysPath(queuePath), disk: nodeDisk, clock: systemClock, random: systemRandom },
    onError: (error) => expect.fail(String(error)),
  });
const COUNTED = {
  writer: '0123456789abcdef',
  counts: Buffer.from('{"format":1,"uncounted":3}\n'),
};

/** Mail for a port where nobody listens yet. */
const toNobody = (port: number): Partial<MtaConfig> => ({
  relays: [relay('out', '127.0.0.1', port)],
  delivery: { ...DELIVERY, retry: { initialSeconds: 2, factor: 1, maxSeconds: 2, jitter: 0.2 } },
});

async function send(mta: Mta): Promise<string[]> {
  const { client } = await SmtpClient.connect(mta.ports.smtp);
  await client.command('EHLO client.test');
  const ids: string[] = [];
  for (let n = 0; n < MESSAGES; n += 1) {
    const content = `Subject: ${n}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(n % 2 === 0 ? 1 : 70)}`;
    const reply = await client.send({ from: 'a@near.test', to: ['x@far.test'], content });
    expect(reply.code).toBe(250);
    ids.push(/queued as (\S+)/.exec(reply.text)![1]!);
  }
  client.close();
  return ids;
}

/** `postrider drain` for this mta: where the commands look for it. */
function command(mta: Mta, ...words: string[]) {
  const state = paths(temporaryFolder('state'));
  writeFileSync(state.config, JSON.stringify(mta.config));
  writeFileSync(state.token, mta.config.secrets[CONTROL_TOKEN]!);
  const args = [join(ROOT, 'cli/main.ts'), 'drain', ...words, '--state', state.folder];
  return run(process.execPath, args, { timeoutMs: 120_000 });
}

const drainOf = async (mta: Mta) => (await mta.control('/v1/drain')) as DrainStatus;
const readyz = async (mta: Mta) => (await mta.health('/readyz')).text();

async function drained(mta: Mta): Promise<Drained> {
  return waitFor(
    'the proof',
    async () => {
      const status = await drainOf(mta);
      return status.state === 'drained' && status;
    },
    PATIENT,
  );
}

it('Shared: another pod has the mail of one that was drained, the proof says so, and a cancelled drain serves', async () => {
  const nextHop = await freePort();
  const config = { ...toNobody(nextHop), queue: queueOf(temporaryFolder('shared'), 'Shared') };
  const one = await startPod(config);
  const other = await startPod({ ...config, queue: { ...config.queue, initialize: false } });
  expect(await drainOf(one)).toEqual({ state: 'notDraining' });
  await send(one);

  expect(await one.control('/v1/drain', { method: 'POST' })).toMatchObject({ mode: 'Shared' });
  const { proof } = await drained(one);
  expect(proof).toMatchObject({ fleet: 'test/test', revision: 1, claim: 'released' });
  expect(await readyz(one)).toMatch('drained');
  await expect(SmtpClient.connect(one.ports.smtp)).rejects.toThrow('ECONNREFUSED');
  await waitFor('the other to have it', async () => (await queue(other)).messages === MESSAGES, PATIENT);

  const sink = await startSink({ port: nextHop });
  ends.push(() => sink.close());
  await waitFor('it to be delivered', () => sink.messages.length === MESSAGES, PATIENT);

  expect(await one.control('/v1/drain', { method: 'DELETE' })).toEqual({ state: 'notDraining' });
  await waitFor('it to serve again', async () => (await readyz(one)) === 'ok\n', PATIENT);
  await send(one);
  await waitFor('its mail to be delivered', () => sink.messages.length === 2 * MESSAGES, PATIENT);
});

it('PerReplica: the command waits until another pod has everything, and the volume is empty', async () => {
  const nextHop = await freePort();
  const folders = ['mta-0', 'mta-1'].map((name) => temporaryFolder(name));
  const pods = await startPods(2, (n) => ({
    config: () => ({
      ...{ workers: 1, ...toNobody(nextHop), queue: queueOf(folders[n]!, 'PerReplica') },
      tlsReports: { organization: 'Ours', contact: 'tls@near.test' },
    }),
    readyMs: 120_000,
  }));
  ends.push(...pods.map((pod) => () => pod.stop()));
  const counts = folders.map((folder) => daysBeside(join(folder, 'queue')));
  const today = dayOf(Date.now());
  await counts[1]!.put(today, COUNTED.writer, COUNTED.counts);
  const [stays, leaves] = pods as [Mta, Mta];
  const ids = await send(leaves);

  // A worker that dies meanwhile is started again, finds its lane, and goes on leaving.
  expect(await leaves.control('/v1/drain', { method: 'POST' })).toMatchObject({ mode: 'PerReplica' });
  for (const { pid, parent } of tree(leaves.running.pid)) {
    if (parent === leaves.running.pid) process.kill(pid, 'SIGKILL');
  }

  const waited = await command(leaves, '--wait', '--output', 'json');
  expect(waited).toMatchObject({ code: 0 });
  const { proof } = JSON.parse(waited.stdout) as Drained;
  expect(proof).toMatchObject({ pod: 'mta-1', claim: 'empty', queue: { path: join(folders[1]!, 'queue') } });
  expect(readdirSync(join(folders[1]!, 'queue', 'lanes'))).toEqual([]);
  expect((await queue(stays)).messages).toBe(MESSAGES);
  expect(await counts[1]!.writers(today)).toEqual([]);
  expect((await counts[0]!.get(today, COUNTED.writer))?.toString()).toBe(COUNTED.counts.toString());
  const { records } = (await leaves.control(`/v1/history?id=${ids[0]}`)) as { records: HistoryRecord[] };
  expect(records).toMatchObject([{ outcome: 'moved', member: 'mta-0' }]);

  // What appears later makes it void, and is named.
  writeFileSync(join(folders[1]!, 'queue', 'notes.txt'), 'x');
  const again = await command(leaves);
  expect(again.code).toBe(1);
  expect(again.stdout).toMatch('notes.txt');

  const livesOn = await command(stays, '--give-up', 'mta-1');
  expect(livesOn).toMatchObject({ code: 1, stderr: expect.stringContaining('mta-1 lives') });

  const sink = await startSink({ port: nextHop });
  ends.push(() => sink.close());
  await waitFor('all to be delivered', () => sink.messages.length === MESSAGES, PATIENT);

  expect(await command(leaves, '--cancel')).toMatchObject({ code: 0 });
  await waitFor('it to serve again', async () => (await readyz(leaves)) === 'ok\n', PATIENT);
  expect(await drainOf(leaves)).toEqual({ state: 'notDraining' });
});

it('emptied for good: a pod that is killed takes nothing when it comes back, until it is told to serve', async () => {
  const nextHop = await freePort();
  const sink = await startSink({ port: nextHop });
  ends.push(() => sink.close());
  const mta = await startPod({ ...toNobody(nextHop), queue: queueOf(temporaryFolder('own'), 'PerReplica') });
  await send(mta);
  await mta.control('/v1/drain', { method: 'POST' });
  await drained(mta);
  expect(sink.messages).toHaveLength(MESSAGES);

  await mta.kill9();
  await mta.restart({ wait: false });
  const { proof } = await waitFor(
    'the proof of another life',
    async () => {
      const status = await drainOf(mta).catch(() => undefined);
      return status?.state === 'drained' && status;
    },
    PATIENT,
  );
  expect(proof.claim).toBe('empty');
  await expect(SmtpClient.connect(mta.ports.smtp)).rejects.toThrow('ECONNREFUSED');
  await mta.control('/v1/drain', { method: 'DELETE' });
  await waitFor('it to serve again', async () => (await readyz(mta)) === 'ok\n', PATIENT);
  await send(mta);
});

it('Shared: all pods together empty the folder of a fleet that ends', async () => {
  const nextHop = await freePort();
  const config = { ...toNobody(nextHop), queue: queueOf(temporaryFolder('shared'), 'Shared') };
  const web = await freePort();
  const one = await startPod({ ...config, web: { address: '127.0.0.1', port: web } });
  const other = await startPod({ ...config, queue: { ...config.queue, initialize: false } });
  await send(one);
  const body = JSON.stringify({ claim: 'empty' });
  expect(listens(web)).toBe(true);
  const headers = { 'content-type': 'application/json' };
  for (const mta of [one, other]) await mta.control('/v1/drain', { method: 'POST', headers, body });
  expect(await drainOf(one)).toMatchObject({ state: 'draining', claim: 'empty', messages: MESSAGES });
  await waitFor('the web port to close', () => !listens(web), PATIENT);
  const sink = await startSink({ port: nextHop });
  ends.push(() => sink.close());
  for (const mta of [one, other]) expect((await drained(mta)).proof.claim).toBe('empty');
  expect(sink.messages).toHaveLength(MESSAGES);
  expect(readdirSync(join(config.queue.path, 'lanes'))).toEqual([]);
});
