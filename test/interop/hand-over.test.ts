/**
 * A pod with a volume of its own gives its mail to two others, as real processes that reach each other over TLS, while
 * all three are killed and started again: each message is in one place, once, as it was; and is delivered from there.
 * `POSTRIDER_SEED=n` strikes as another run did.
 */
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { MtaConfig } from '../../mta/config.ts';
import type { DrainStatus } from '../../mta/control/drain-types.ts';
import type { HistoryRecord } from '../../mta/log/types.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { relay } from '../support/config.ts';
import { temporaryFolder } from '../support/folders.ts';
import type { Mta } from '../support/mta.ts';
import { startPods } from '../support/pods.ts';
import { queue } from '../support/queue.ts';
import { type Delivered, type Sink, startSink } from '../support/sink.ts';
import { sleep, waitFor } from '../support/wait.ts';
import { lanesIn, readMail, type StoredMail, storeMail } from './stored-mail.ts';

const MESSAGES = 1200;
const LARGE_BYTES = 400_000;
const STRIKES = 3;
const PODS = ['mta-0', 'mta-1', 'mta-2'] as const;
const SEED = Number(process.env['POSTRIDER_SEED'] ?? randomInt(1_000_000));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

const queueIn = (folder: string): MtaConfig['queue'] => ({
  mode: 'PerReplica',
  path: join(folder, 'queue'),
  leaseTermSeconds: 3,
  inlineBodyBytes: 65_536,
  segmentBytes: 8_000_000,
  minFreeBytes: 0,
  initialize: true,
});

/** Each over its own folder, relaying to one sink. */
async function startOver(folders: readonly string[], sink: Sink): Promise<Mta[]> {
  const pods = await startPods(folders.length, (n) => ({
    folder: folders[n]!,
    readyMs: 60_000,
    config: (folder) => ({
      queue: queueIn(folder),
      // Lanes change hands within the pod that leaves.
      workers: n === 0 ? 2 : 1,
      relays: [relay('out', '127.0.0.1', sink.port)],
    }),
  }));
  ends.push(...pods.map((pod) => () => pod.kill9()));
  return pods;
}

const post = (mta: Mta, path: string, body?: unknown) =>
  mta.control(path, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });

const drainOf = async (mta: Mta) => (await mta.control('/v1/drain')) as DrainStatus;

/**
 * Kills and starts again whom the seed says, at moments that it says, while messages are on their way. Resolves with how
 * much was left each time.
 */
async function strike(pods: readonly Mta[], fraction: () => number): Promise<number[]> {
  const [leaving] = pods as [Mta];
  const left = [MESSAGES];
  for (let strikes = 0; strikes < STRIKES; strikes += 1) {
    await post(leaving, '/v1/drain');
    // The first time when something is under way, later when something has arrived.
    const begun = async () => {
      const drain = await drainOf(leaving);
      if (drain.state !== 'draining') return drain.state === 'drained';
      return drain.messages < left.at(-1)! || (strikes === 0 && drain.pinned.length > 0);
    };
    await waitFor('messages to move', begun, { timeoutMs: 120_000, everyMs: 20 });
    await sleep(fraction() * 100);
    const victims = pods.filter((pod) => pod === leaving || fraction() < 0.5);
    await Promise.all(
      victims.map(async (pod) => {
        await sleep(fraction() * 100);
        await pod.kill9();
        // One that is being emptied remembers that, and is never ready.
        await pod.restart({ wait: pod !== leaving });
      }),
    );
    const { messages } = await waitFor(
      'the pod that leaves to answer',
      () => queue(leaving).catch(() => undefined),
      {
        timeoutMs: 60_000,
      },
    );
    left.push(messages);
  }
  return left;
}

function expectSame(found: ReadonlyMap<string, StoredMail>, stored: ReadonlyMap<string, StoredMail>): void {
  const places = new Map<string, StoredMail[]>();
  for (const mail of found.values()) {
    const first = mail.envelope.firstId ?? 'none';
    places.set(first, [...(places.get(first) ?? []), mail]);
  }
  const wrong = [...stored].filter(([id]) => places.get(id)?.length !== 1);
  expect(wrong.map(([id]) => `${id} ${places.get(id)?.length ?? 0} times`)).toEqual([]);
  expect(found.size).toBe(stored.size);
  for (const [id, { envelope, jobs, content }] of stored) {
    expect(places.get(id)![0], id).toEqual({ envelope: { ...envelope, firstId: id }, jobs, content });
  }
}

it('a pod that is killed again and again gives all of its mail to others that are, once and unchanged', async () => {
  console.log(`hand-over of seed ${SEED}`);
  const { fraction } = seeded(SEED);
  const folders = PODS.map((name) => temporaryFolder(name));
  const sink = await startSink();
  ends.push(() => sink.close());
  const stored = await storeMail(queueIn(folders[0]!), {
    messages: MESSAGES,
    lanes: 2,
    largeBytes: LARGE_BYTES,
  });
  const pods = await startOver(folders, sink);
  const [leaving, ...takers] = pods as [Mta, Mta, Mta];
  expect((await queue(leaving)).messages).toBe(MESSAGES);

  const left = await strike(pods, fraction);
  console.log(`left at each strike: ${left}`);
  await post(leaving, '/v1/drain');
  await waitFor('the pod to be drained', async () => (await drainOf(leaving)).state === 'drained', {
    timeoutMs: 60_000,
    everyMs: 200,
  });
  expect(lanesIn(queueIn(folders[0]!))).toEqual([]);

  // What a person asks at the others, by the id that the sender was given.
  const [id] = [...stored.keys()];
  const told = await Promise.all(
    takers.map(async (pod) => (await pod.control(`/v1/history?id=${id}`)) as { records: HistoryRecord[] }),
  );
  const moved = (await leaving.control('/v1/history?limit=1')) as { records: HistoryRecord[] };
  expect(moved.records).toMatchObject([{ outcome: 'moved', member: expect.stringMatching(/^mta-[12]$/) }]);
  for (const { firstId, outcome, member } of told.flatMap(({ records }) => records)) {
    expect({ firstId, outcome, member }).toEqual({ firstId: id, outcome: 'taken', member: 'mta-0' });
  }

  await Promise.all(takers.map((pod) => pod.stop()));
  const found = await Promise.all(takers.map((pod) => readMail(pod.config.queue)));
  expect(sink.messages).toEqual([]);
  expectSame(new Map(found.flatMap((each) => [...each])), stored);

  await Promise.all(takers.map((pod) => pod.restart()));
  for (const pod of takers) {
    await post(pod, '/v1/messages/release', { all: true });
    await post(pod, '/v1/messages/retry', { all: true });
  }
  await waitFor(
    'all of it to be delivered',
    async () => {
      const counts = await Promise.all(takers.map(queue));
      return counts.every(({ messages }) => messages === 0);
    },
    { timeoutMs: 120_000, everyMs: 100 },
  );
  const recipients = [...stored.values()].flatMap(({ envelope: { from, recipients: all } }) =>
    all.map(({ address, notify = [] }) => ({
      from,
      address,
      isTold: notify.includes('SUCCESS') && from !== '',
    })),
  );
  const [reports, mail] = [true, false].map((isReport) =>
    sink.messages.filter(({ content }) => content.includes('report-type=delivery-status') === isReport),
  ) as [Delivered[], Delivered[]];
  expect(mail.flatMap(({ to }) => to).sort()).toEqual(recipients.map(({ address }) => address).sort());
  // Who asked for it is told, of each recipient once: the sink doesn't tell.
  const reported = reports.flatMap(({ content }) =>
    Array.from(content.matchAll(/^Final-Recipient: rfc822; (\S+)\r$/gm), ([, address]) => address!),
  );
  expect(reported.sort()).toEqual(
    recipients.flatMap(({ address, isTold }) => (isTold ? [address] : [])).sort(),
  );
  expect(readdirSync(join(folders[0]!, 'queue', 'lanes'))).toEqual([]);
}, 600_000);
