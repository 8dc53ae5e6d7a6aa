/** What the queue's tests share: messages, and an open queue over a disk in memory. */
import type { QueueConfig } from '../../config.ts';
import type { Envelope } from '../../envelope.ts';
import { seeded } from '../../testing/seeded.ts';
import { TestClock } from '../../testing/test-clock.ts';
import type { QueueDeps } from '../deps.ts';
import type { Host } from '../host.ts';
import { type LaneQueue, openQueue } from '../queue.ts';
import type { Job, QueueId, Settlement } from '../types.ts';
import { MemoryDisk } from './memory-disk.ts';

export const TEST_CONFIG: QueueConfig = {
  mode: 'Shared',
  path: '/queue',
  leaseTermSeconds: 10,
  inlineBodyBytes: 2000,
  segmentBytes: 8192,
  minFreeBytes: 0,
  initialize: true,
};

const processOf = (pid: number, gone: boolean): Host => ({
  self: () => ({ hostname: 'test', boot: 'b', pidNamespace: 'p', pid, startTime: '1' }),
  isGone: () => gone,
});

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: object;
}

export interface TestQueueOptions {
  readonly disk?: MemoryDisk;
  readonly clock?: TestClock;
  readonly seed?: number;
  readonly config?: Partial<QueueConfig>;
  /** Whether other owners are taken to be dead, as after a crash of the machine. */
  readonly othersGone?: boolean;
  readonly lines?: LogLine[];
}

export function depsOf(options: TestQueueOptions): QueueDeps & { disk: MemoryDisk; clock: TestClock } {
  const { lines = [], seed = 1 } = options;
  const line =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, fields });
    };
  return {
    disk: options.disk ?? new MemoryDisk(),
    clock: options.clock ?? new TestClock(),
    random: seeded(seed),
    log: { info: line('info'), warn: line('warn'), error: line('error') },
    host: processOf(seed, options.othersGone ?? true),
  };
}

export interface TestQueue {
  readonly queue: LaneQueue;
  readonly disk: MemoryDisk;
  readonly clock: TestClock;
}

export async function openTestQueue(options: TestQueueOptions = {}): Promise<TestQueue> {
  const deps = depsOf(options);
  const queue = await openQueue({ ...TEST_CONFIG, ...options.config }, deps);
  return { queue, disk: deps.disk, clock: deps.clock };
}

/** As `openTestQueue`, where recovery has to wait: its clock is moved until it has opened. */
export async function openPatiently(options: TestQueueOptions): Promise<TestQueue> {
  const clock = options.clock ?? new TestClock();
  let opened = false;
  const opening = openTestQueue({ ...options, clock }).finally(() => {
    opened = true;
  });
  while (!opened) await clock.advance(100);
  return opening;
}

export function envelopeOf(name: string, recipients = 1): Envelope {
  return {
    from: `${name}@sender.test`,
    recipients: Array.from({ length: recipients }, (_, i) => ({ address: `${name}-${i}@example.test` })),
    arrivedAt: 1_700_000_000_000,
    origin: { listener: 'smtp', protocol: 'ESMTP', clientAddress: '192.0.2.1', helo: 'client.test' },
  };
}

export const jobFor = (recipients: readonly number[], more: Partial<Job> = {}): Job => ({
  destination: 'mx:example.test',
  recipients,
  attempts: 0,
  dueAt: 1_700_000_000_000,
  ...more,
});

/** Commits a message for one recipient. */
export async function accept(queue: LaneQueue, name: string, content = Buffer.from(name)): Promise<QueueId> {
  const draft = queue.draft();
  await draft.write(content);
  await draft.commit(envelopeOf(name), [jobFor([0])]);
  return draft.id;
}

export const DELIVERED: Settlement = {
  ended: [{ recipient: 0, outcome: 'delivered', reply: { code: 250, enhanced: '2.0.0', text: 'ok' } }],
  deferred: [],
};

export const deferredUntil = (dueAt: number, attempts: number): Settlement => ({
  ended: [],
  deferred: [
    jobFor([0], {
      dueAt,
      attempts,
      lastReply: { code: 450, enhanced: '4.2.0', text: 'later', remote: 'mx.example.test' },
    }),
  ],
});

/** The content of a queued message, by its stream. */
export async function contentOf(queue: LaneQueue, id: QueueId): Promise<Buffer | undefined> {
  const message = await queue.read(id);
  if (!message) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of message.content.stream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
