/**
 * One worker process: puts the parts together, and answers the supervisor. It owns at least one lane of the queue,
 * listens on the mail ports beside the other workers, and delivers what is in its lanes.
 */
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import type { Listener, MtaConfig } from './config.ts';
import { type WorkerMetrics, workerMetrics } from './control/metrics.ts';
import { Operations } from './control/operations.ts';
import type { MessageFilter, QueueAction } from './control/types.ts';
import { createSessions } from './deliver/sessions.ts';
import type { Sessions } from './deliver/types.ts';
import { Flow } from './flow.ts';
import { shareOf } from './listen/connections.ts';
import { createListener, type RunningListener } from './listen/listener.ts';
import type { LogDestination } from './log/destination.ts';
import { openMailLog } from './log/open.ts';
import type { MailLog } from './log/types.ts';
import { createVerifier } from './policy/verifier.ts';
import { nodeDisk } from './queue/disk.ts';
import { openQueue } from './queue/queue.ts';
import type { Queue, QueueId } from './queue/types.ts';
import { systemRandom } from './random.ts';
import { compileHops, type HopContext, resolveHops } from './route/hops.ts';
import { systemHosts, systemInterfaces, systemResolver } from './route/system.ts';
import { ClockWatch } from './schedule/clock-watch.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { createSetup, type Setup } from './setup.ts';
import type { Place, WorkerCalls } from './supervise/calls.ts';

/** What exists once a worker has started. */
interface Parts {
  readonly queue: Queue;
  readonly log: MailLog;
  readonly flow: Flow;
  readonly sessions: Sessions;
  readonly scheduler: Scheduler;
  readonly operations: Operations;
}

/** Everything that a reload replaces, as a whole. */
interface Loaded {
  readonly setup: Setup;
  readonly hops: HopContext;
  readonly place: Place;
}

/** The worker's side of the calls; `logger` and `destination` write to this process's standard output. */
export function createWorker(logger: Logger, destination: LogDestination): WorkerCalls {
  const clock: Clock = systemClock;
  const metrics: WorkerMetrics = workerMetrics();
  const verifier = createVerifier({ clock, random: systemRandom });
  const listeners = new Map<string, RunningListener>();
  let loaded: Loaded;
  let parts: Parts;

  const onDefect = (error: unknown) => logger.error({ err: error }, 'defect');

  function compile(config: MtaConfig, place: Place): Loaded {
    const resolver = systemResolver(config.resolver, clock, systemRandom);
    const surroundings = { random: systemRandom, hosts: systemHosts(), interfaces: systemInterfaces() };
    return {
      setup: createSetup(config, verifier),
      hops: compileHops(config, { resolver, ...surroundings }),
      place,
    };
  }

  async function open(): Promise<Parts> {
    const { config } = loaded.setup;
    const queue = await openQueue(config.queue, {
      disk: nodeDisk,
      clock,
      random: systemRandom,
      log: logger,
      onSync: (seconds, records) => metrics.synced(seconds, records),
    });
    const log = await openMailLog({
      config: config.log,
      destination,
      writer: `worker-${loaded.place.index}`,
      clock,
      random: systemRandom,
      onHistoryError: (error) => {
        metrics.historyError();
        logger.warn({ err: error }, 'history could not be written');
      },
    });
    const sessions = createSessions({ config: () => loaded.setup.config, clock });
    const clockWatch = new ClockWatch(clock, (jumpMs) => {
      if (jumpMs === 0) logger.info('wall clock is back, mail expires again');
      else logger.error({ jumpMs }, 'wall clock has jumped, nothing expires until it is back');
    });
    const flow = new Flow({
      setup: () => loaded.setup,
      queue,
      sessions,
      hops: (destination) => resolveHops(destination, loaded.hops),
      log,
      metrics,
      clock,
      random: systemRandom,
      clockWatch,
      onDefect,
    });
    const scheduler = new Scheduler({
      queue,
      clock,
      random: systemRandom,
      attempt: (work) => flow.attempt(work),
      lapse: (work, reply) => flow.lapse(work, reply),
      delivery: () => loaded.setup.config.delivery,
      perDestination,
      onDefect,
    });
    for (const entry of queue.entries()) scheduler.add(entry, entry.jobs);
    return {
      queue,
      log,
      flow,
      sessions,
      scheduler,
      operations: new Operations({ queue, scheduler, log, clock }),
    };
  }

  /** Connections to one destination are the fleet's limit, of which each worker has its share. */
  function perDestination(key: string): number {
    const { setup, place } = loaded;
    const destination = setup.routes.destination(key);
    const limit =
      destination?.kind === 'relay'
        ? destination.relay.limits.connections
        : setup.config.delivery.connectionsPerDestination;
    return shareOf(limit, 1 / place.workers);
  }

  async function listen(config: Listener): Promise<void> {
    const { setup, place } = loaded;
    const listener = createListener(settingsOf(config, setup.config), {
      acceptor: parts.flow,
      clock,
      random: systemRandom,
      log: {
        refused(event) {
          metrics.refused(event.command, event.error.code);
          parts.log.refused(event);
        },
      },
      connectionShare: 1 / place.workers,
    });
    await listener.start();
    listeners.set(config.name, listener);
  }

  /** Listeners of the same place go on with new settings; others are stopped, and new ones started. */
  async function relisten(config: MtaConfig): Promise<void> {
    const wanted = new Map(config.listeners.map((listener) => [listener.name, listener]));
    const gone = [...listeners.values()].filter((running) => {
      const next = wanted.get(running.config.name);
      return next === undefined || !samePlace(running.config, next);
    });
    // Sessions of a listener that moves or goes may end in their own time: the load doesn't wait for them.
    for (const listener of gone) {
      listeners.delete(listener.config.name);
      listener.stop(config.drainSeconds).catch(onDefect);
    }
    for (const listener of config.listeners) {
      const running = listeners.get(listener.name);
      if (running === undefined) await listen(listener);
      else await running.reload(settingsOf(listener, config));
    }
  }

  return {
    async start(config, place) {
      loaded = compile(config, place);
      parts = await open();
      metrics.observe({
        queue: () => {
          const { counts, recipients } = parts.operations.summary();
          const { messages, bytes, oldest, lanes, full, damaged } = counts;
          const oldestSeconds = oldest === undefined ? undefined : (clock.now() - oldest) / 1000;
          return { messages, bytes, oldestSeconds, lanes, full, damaged, recipients };
        },
        configRevision: () => loaded.setup.config.revision,
        connections: () => [...listeners].map(([listener, { sessions }]) => ({ listener, count: sessions })),
        outboundOpen: () => parts.sessions.open,
        logDropped: () => destination.dropped,
      });
      for (const listener of config.listeners) await listen(listener);
    },

    async load(config, place) {
      const before = loaded;
      loaded = compile(config, place);
      try {
        await relisten(config);
      } catch (error) {
        metrics.configRefused();
        loaded = before;
        throw error;
      }
    },

    async ping() {},
    metrics: () => metrics.registry.getMetricsAsJSON(),
    queue: async () => parts.operations.summary(),
    messages: (filter: MessageFilter) => parts.operations.messages(filter),
    message: (id: QueueId) => parts.operations.message(id),
    content: (id: QueueId, limit: number) => parts.operations.content(id, limit),
    act: (action: QueueAction, select: readonly QueueId[] | MessageFilter) =>
      parts.operations.act(action, select),

    async drain(seconds) {
      const { queue, log, scheduler, sessions } = parts;
      const stopped = [...listeners.values()].map((listener) => listener.stop(seconds));
      const deliveries = within(clock, seconds * 1000, scheduler.drain());
      await Promise.all([...stopped, deliveries]);
      await within(clock, 1000, sessions.drain());
      await queue.release();
      await log.close();
    },
  };
}

function settingsOf(listener: Listener, { fleet, secrets }: MtaConfig) {
  return { config: listener, hostname: fleet.hostname, secrets };
}

function samePlace(a: Listener, b: Listener): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    (a.tls.mode === 'implicit') === (b.tls.mode === 'implicit')
  );
}

/** Waits for something, but no longer than `ms`. */
async function within(clock: Clock, ms: number, done: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const timeout = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([done, timeout]);
  cancel();
}
