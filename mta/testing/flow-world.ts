/**
 * A flow as a worker has it, over a queue in a temporary folder and next hops on loopback: real disk, real sessions,
 * real time, with waits short enough for a test.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import type { Domain, MtaConfig } from '../config.ts';
import { workerMetrics } from '../control/metrics.ts';
import { Operations } from '../control/operations.ts';
import { createSessions, type SessionsDeps } from '../deliver/sessions.ts';
import { deliveryConfig, hopTo } from '../deliver/testing/send.ts';
import type { SmtpError } from '../errors.ts';
import { NOBODY } from '../fleet/unreachable.ts';
import { Flow } from '../flow.ts';
import type { Client, Mail } from '../listen/types.ts';
import type { AttemptEvent, MailLog } from '../log/types.ts';
import { type HolderCalls, WorkerPickUp } from '../pick-up/pick-up.ts';
import { createVerifier } from '../policy/verifier.ts';
import { nodeDisk } from '../queue/disk.ts';
import { openQueue } from '../queue/queue.ts';
import type { Outcome, QueueId, StoredMessage } from '../queue/types.ts';
import { systemRandom } from '../random.ts';
import { testDomain } from '../route/testing/config.ts';
import type { NextHop, OutwardDestination } from '../route/types.ts';
import { ClockWatch } from '../schedule/clock-watch.ts';
import { Scheduler } from '../schedule/scheduler.ts';
import { createSetup } from '../setup.ts';
import { PodPickUp } from '../supervise/pick-up.ts';
import { openReports } from '../tls-rpt/receive/open.ts';

export type Ended = AttemptEvent & { outcome: Outcome };

export interface World {
  /** Of the queue. */
  readonly folder: string;
  readonly flow: Flow;
  readonly queue: Awaited<ReturnType<typeof openQueue>>;
  readonly scheduler: Scheduler;
  readonly operations: Operations;
  readonly ended: Ended[];
  readonly attempted: AttemptEvent[];
  readonly defects: unknown[];
  /** Puts another config in force. */
  use(change: Partial<MtaConfig>): void;
  /** Has a client send a message; resolves with the text after 250. */
  accept(message: Sent): Promise<string>;
  /** Messages in the queue. */
  queued(): Promise<StoredMessage[]>;
  close(): Promise<void>;
}

export interface Sent {
  readonly from?: string;
  readonly to: readonly string[];
  readonly content?: string;
  /** What is asked for, for each recipient. */
  readonly notify?: readonly string[];
  /** Ms that the message seems to have been here already. */
  readonly age?: number;
  /** When it may be sent first, in ms since the epoch. */
  readonly holdUntil?: number;
  /** When its sender is to be told that it has not been delivered, ms since the epoch. */
  readonly deliverBy?: number;
  /** Whether it goes back then. */
  readonly returned?: boolean;
}

export interface WorldOptions {
  /** Next hops by key of the destination, or the failure of their lookup. */
  readonly hops: (
    destination: OutwardDestination,
  ) => readonly NextHop[] | SmtpError | Promise<readonly NextHop[]>;
  readonly config?: Partial<MtaConfig>;
  readonly delivery?: Partial<MtaConfig['delivery']>;
  readonly seconds?: number;
  readonly inlineBodyBytes?: number;
  readonly minFreeBytes?: number;
  /** At once with one destination. */
  readonly connections?: number;
  /** Of the waits for next hops. */
  readonly deliveryClock?: Clock;
  readonly onStsFailure?: SessionsDeps['onStsFailure'];
}

export const hopsTo = (port: number) => (): readonly NextHop[] => [hopTo(port)];

export const ownDomain = (name: string, change: Partial<Domain> = {}): Domain =>
  testDomain({ domain: name, resource: `MailDomain/mail/${name}`, ...change });

export async function openWorld(options: WorldOptions): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'postrider-flow-'));
  const base = deliveryConfig(
    { retry: { initialSeconds: 0.05, factor: 1, maxSeconds: 0.1, jitter: 0 }, ...options.delivery },
    options.seconds,
  );
  const config: MtaConfig = {
    ...base,
    queue: {
      ...base.queue,
      path: join(folder, 'queue'),
      inlineBodyBytes: options.inlineBodyBytes ?? 65_536,
      minFreeBytes: options.minFreeBytes ?? base.queue.minFreeBytes,
    },
    ...options.config,
  };
  let age = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() - age };
  const verifier = createVerifier({ clock, random: systemRandom });
  let setup = createSetup(config, verifier);
  const ended: Ended[] = [];
  const attempted: AttemptEvent[] = [];
  const defects: unknown[] = [];
  const log: MailLog = {
    accepted: () => {},
    refused: () => {},
    attempted: (event) => void attempted.push(event),
    taken: () => {},
    ended: (event) => void ended.push(event),
    close: async () => {},
  };
  const silent = { info: () => {}, warn: () => {}, error: (fields: object) => void defects.push(fields) };
  const queue = await openQueue(config.queue, { disk: nodeDisk, clock, random: systemRandom, log: silent });
  const sessions = createSessions({
    config: () => setup.config,
    clock: options.deliveryClock ?? clock,
    ...(options.onStsFailure && { onStsFailure: options.onStsFailure }),
  });
  const onDefect = (error: unknown): void => void defects.push(error);
  let holder: HolderCalls | undefined;
  const pod = new PodPickUp({
    ...{ self: 'pod', members: () => NOBODY, onDefect },
    workers: () => new Map(holder === undefined ? [] : [[0, holder]]),
  });
  const pickUp = new WorkerPickUp({
    held: () => setup.held,
    place: () => ({ member: 'pod', index: 0 }),
    calls: { members: async () => [], pickUp: (...question) => pod.ask(...question) },
    delivery: () => setup.config.delivery,
    hostname: () => setup.config.fleet.hostname,
    ...{ clock: systemClock, random: systemRandom, log: silent, onDefect },
  });
  const metrics = workerMetrics();
  const { mailbox } = openReports({
    ...{ queuePath: config.queue.path, disk: nodeDisk, clock, random: systemRandom, log: silent },
    asked: () => setup.asked,
    counts: metrics.tlsReports,
  });
  const flow = new Flow({
    setup: () => setup,
    queue,
    sessions,
    hops: async (destination) => {
      const found = await options.hops(destination);
      if (found instanceof Error) throw found;
      return found;
    },
    reports: mailbox,
    ...{ log, metrics },
    clock,
    random: systemRandom,
    clockWatch: new ClockWatch(systemClock, () => {}),
    pickUp: pickUp.requests,
    onDefect,
  });
  const scheduler = new Scheduler({
    queue,
    clock,
    random: systemRandom,
    attempt: (work) => flow.attempt(work),
    lapse: (work, reply) => flow.lapse(work, reply),
    delivery: () => setup.config.delivery,
    room: { of: () => options.connections ?? 10, began: () => {}, onMore: () => {} },
    learnt: () => {},
    onDefect,
  });
  holder = pickUp.holder(() => ({
    ...{ queue, scheduler },
    attempt: (work, session) => flow.attempt(work, session),
  }));
  return {
    folder: config.queue.path,
    flow,
    queue,
    scheduler,
    operations: new Operations({ queue, scheduler, log, clock }),
    ended,
    attempted,
    defects,
    use(change) {
      setup = createSetup({ ...setup.config, ...change }, verifier);
    },
    async accept(sent) {
      const { holdUntil } = sent;
      const mail: Mail = {
        from: sent.from ?? 'anna@sender.test',
        ...(holdUntil !== undefined && { hold: { until: holdUntil, request: 'for;1' } }),
        ...(sent.deliverBy !== undefined && {
          deliverBy: {
            ...{ by: sent.deliverBy, trace: false },
            mode: sent.returned ? ('return' as const) : ('notify' as const),
          },
        }),
      };
      // Only the arrival is in the past.
      age = sent.age ?? 0;
      const sink = flow.content(
        CLIENT,
        mail,
        sent.to.map((address) => ({ address, ...(sent.notify && { notify: sent.notify }) })),
      );
      age = 0;
      await sink.write(
        Buffer.from(sent.content ?? 'Subject: hello\r\nMessage-ID: <1@sender.test>\r\n\r\nhello\r\n'),
      );
      return sink.commit();
    },
    async queued() {
      const found: StoredMessage[] = [];
      for (const { id } of [...queue.entries()]) {
        const message = await queue.read(id);
        if (message !== undefined) found.push(message);
      }
      return found;
    },
    async close() {
      await scheduler.drain();
      await sessions.drain();
      await queue.release();
      await rm(folder, { recursive: true });
    },
  };
}

export const idOf = (text: string): QueueId => text.slice('Ok: queued as '.length);

export const CLIENT = {
  session: 's1',
  listener: { name: 'smtp', limits: { hops: 3 } },
  address: '192.0.2.1',
  port: 1234,
  helo: 'client.test',
  protocol: 'ESMTP',
  tls: undefined,
  user: undefined,
} as unknown as Client;
