/** What the queue's tests share: a clock that is moved by hand, seeded randomness, messages, and an open queue. */
import type { Clock } from '../../clock.ts';
import type { QueueConfig } from '../../config.ts';
import type { Envelope } from '../../envelope.ts';
import type { Random } from '../../random.ts';
import type { QueueDeps } from '../deps.ts';
import type { Host } from '../host.ts';
import { type LaneQueue, openQueue } from '../queue.ts';
import type { Job, QueueId, Settlement } from '../types.ts';
import { MemoryDisk } from './memory-disk.ts';

/** Waits up to this aren't waits of the test's. */
const SHORT_MS = 10;

export class TestClock implements Clock {
  #now = 1_000_000;
  #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return 1_700_000_000_000 + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    // The pause in which records gather for a group passes by itself: no test is about its length.
    if (ms <= SHORT_MS) {
      const soon = setImmediate(callback);
      return () => clearImmediate(soon);
    }
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves on, calling what falls due; what it starts has had a turn of the event loop when this resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settleDown();
    }
    this.#now = end;
    await settleDown();
  }
}

/** Lets everything that waits for nothing but the memory disk run to its end. */
export async function settleDown(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    bytes: (length) => Buffer.from(Array.from({ length }, () => Math.floor(fraction() * 256))),
  };
}

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
