/**
 * Mail with everything that a message can have, put into the folder of a queue that nobody serves, and what such folders
 * hold: by the queue's own code, as no client can ask for schedules that are half over.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../mta/clock.ts';
import type { QueueConfig } from '../../mta/config.ts';
import type { Envelope } from '../../mta/envelope.ts';
import { nodeDisk } from '../../mta/queue/disk.ts';
import { type LaneQueue, openQueue } from '../../mta/queue/queue.ts';
import type { Job, QueueId } from '../../mta/queue/types.ts';
import { systemRandom } from '../../mta/random.ts';
import { waitFor } from '../support/wait.ts';

export interface StoredMail {
  readonly envelope: Envelope;
  readonly jobs: readonly Job[];
  /** SHA-256 of the content. */
  readonly content: string;
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };

const open = (config: QueueConfig): Promise<LaneQueue> =>
  openQueue(config, { disk: nodeDisk, clock: systemClock, random: systemRandom, log: silent });

const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** Of lanes, whoever owns them. */
export const lanesIn = ({ path }: QueueConfig): string[] => readdirSync(join(path, 'lanes'));

const HOUR = 3_600_000;

/** Nothing is due for hours; one, two or three recipients, in one job or several, every seventh held. */
function jobsOf(n: number, now: number): Job[] {
  const dueAt = now + 2 * HOUR + ((n * 7919) % 86_400_000);
  const reply = { code: 451, enhanced: '4.7.1', text: `greylisted ${n}`, remote: `mx${n % 5}.far.test` };
  const common = {
    attempts: n % 11,
    ...(n % 11 === 0 ? {} : { lastReply: reply }),
    ...(n % 5 === 0 ? { delayWarned: true } : {}),
    ...(n % 7 === 0 ? { held: true } : {}),
  };
  const destination = (i: number) => `mx:far${i}.test`;
  if (n % 3 === 0) return [{ ...common, destination: destination(0), recipients: [0], dueAt }];
  if (n % 3 === 1) return [{ ...common, destination: destination(0), recipients: [0, 1], dueAt }];
  return [
    { ...common, destination: destination(0), recipients: [0, 2], dueAt },
    { ...common, destination: destination(1), recipients: [1], dueAt: dueAt + 61_001, attempts: 12 },
  ];
}

function envelopeOf(n: number, now: number): Envelope {
  return {
    from: n % 13 === 0 ? '' : `sender${n}@near.test`,
    recipients: Array.from({ length: 1 + (n % 3) }, (_, i) => ({
      address: `r${n}-${i}@far${i === 1 ? 1 : 0}.test`,
      ...(n % 2 === 0 ? { notify: ['SUCCESS', 'FAILURE'], orcpt: `rfc822;first${n}-${i}@far.test` } : {}),
    })),
    arrivedAt: now - (n % 40) * HOUR - n,
    origin: {
      listener: 'smtp',
      protocol: 'ESMTPSA',
      clientAddress: '192.0.2.1',
      helo: 'c.test',
      user: 'anna',
    },
    bodyType: '8BITMIME',
    eightBit: n % 4 === 0,
    ...(n % 2 === 0 ? { ret: 'HDRS' as const, envid: `envelope+${n}` } : {}),
    ...(n % 6 === 0 ? { requireTls: false, priority: (n % 9) - 4 } : {}),
  };
}

function contentOf(n: number, largeBytes: number): Buffer {
  const head = `X-Number: ${n}\r\nSubject: message ${n}\r\n\r\n`;
  const line = `line of message ${n}, which is like no other\r\n`;
  const bytes = n % 50 === 3 ? largeBytes + n : 100 + ((n * 613) % 9000);
  return Buffer.from(head + line.repeat(Math.ceil(bytes / line.length)), 'latin1');
}

/** Fills as many lanes as there are workers. Resolves with what was stored, by id. */
export async function storeMail(
  config: QueueConfig,
  { messages, lanes, largeBytes }: { messages: number; lanes: number; largeBytes: number },
): Promise<Map<QueueId, StoredMail>> {
  const now = Date.now();
  const stored = new Map<QueueId, StoredMail>();
  const queues: LaneQueue[] = [];
  for (let lane = 0; lane < lanes; lane += 1) queues.push(await open(config));
  await Promise.all(
    Array.from({ length: messages }, async (_, n) => {
      const draft = queues[n % lanes]!.draft();
      const [envelope, jobs, content] = [envelopeOf(n, now), jobsOf(n, now), contentOf(n, largeBytes)];
      await draft.write(content);
      await draft.commit(envelope, jobs);
      stored.set(draft.id, { envelope, jobs, content: digest(content) });
    }),
  );
  await Promise.all(queues.map((queue) => queue.release()));
  return stored;
}

/** All that a folder holds which no process serves, by id. */
export async function readMail(config: QueueConfig): Promise<Map<QueueId, StoredMail>> {
  const found = new Map<QueueId, StoredMail>();
  const before = lanesIn(config);
  const queue = await open(config);
  await waitFor('all lanes to be adopted, or removed as they are empty', () => {
    const ours = new Set(queue.lanes().map(({ id }) => id));
    return lanesIn(config).every((lane) => !before.includes(lane) || ours.has(lane));
  });
  for (const { id } of queue.entries()) {
    const message = (await queue.read(id))!;
    const chunks: Buffer[] = [];
    for await (const chunk of message.content.stream()) chunks.push(chunk as Buffer);
    const { envelope, jobs } = message;
    found.set(id, { envelope, jobs, content: digest(Buffer.concat(chunks)) });
  }
  await queue.release();
  return found;
}
