/**
 * One worker process: puts the parts together, and answers the supervisor. It owns at least one lane of the queue,
 * listens on the mail ports beside the other workers, and delivers what is in its lanes.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import type { MtaConfig } from './config.ts';
import { watchLoopDelay } from './control/loop-delay.ts';
import { type WorkerMetrics, workerMetrics } from './control/metrics.ts';
import { Operations } from './control/operations.ts';
import type { MessageFilter, QueueAction } from './control/types.ts';
import { createSessions } from './deliver/sessions.ts';
import { PostriderError } from './errors.ts';
import type { Grant } from './fleet/fair-split.ts';
import { WorkerRoom } from './fleet/worker-room.ts';
import { Flow } from './flow.ts';
import { heloName } from './helo.ts';
import { Listeners } from './listeners.ts';
import type { LogDestination } from './log/destination.ts';
import { openMailLog } from './log/open.ts';
import { createMoving } from './moving.ts';
import { reholdChanged, WorkerPickUp } from './pick-up/pick-up.ts';
import { createVerifier } from './policy/verifier.ts';
import { nodeDisk } from './queue/disk.ts';
import { openQueue } from './queue/queue.ts';
import { isOnVolume } from './queue/transfer/on-volume.ts';
import type { Receptions } from './queue/transfer/receptions.ts';
import type { LaneRelease, QueueId, WorkerId } from './queue/types.ts';
import { systemRandom } from './random.ts';
import { compileHops } from './route/hops.ts';
import { hopsByWish } from './route/recent-hops.ts';
import { openPolicies } from './route/sts/open.ts';
import type { KeptPolicies } from './route/sts/policies.ts';
import { systemHosts, systemInterfaces, systemResolver } from './route/system.ts';
import { ClockWatch } from './schedule/clock-watch.ts';
import { Scheduler } from './schedule/scheduler.ts';
import type { DestinationNews } from './schedule/types.ts';
import { createSetup, type Setup } from './setup.ts';
import type { Place, SupervisorCalls, WorkerCalls } from './supervise/calls.ts';
import { openTlsReports, type TlsReports } from './tls-rpt/open.ts';
import { openReports } from './tls-rpt/receive/open.ts';
import { waysOf } from './ways.ts';
import { Web } from './web/web.ts';
import { within } from './within.ts';
import type { Loaded, Parts } from './worker-parts.ts';

/** What the end of idle connections may take. */
const CLOSING_MS = 1000;

/** The worker's side of the calls; `logger` and `destination` write to this process's standard output. */
export function createWorker(
  logger: Logger,
  destination: LogDestination,
  supervisor: SupervisorCalls,
): WorkerCalls {
  const clock: Clock = systemClock;
  const metrics: WorkerMetrics = workerMetrics();
  const verifier = createVerifier({ clock, random: systemRandom });
  let loaded: Loaded;
  let parts: Parts | undefined;
  /** Outlives configs; its folder stays the same while the process runs. */
  let sts: KeptPolicies | undefined;
  /** Loads one after the other. */
  let loading: Promise<void> = Promise.resolve();
  let leaving = false;

  const room = new WorkerRoom({
    clock,
    // Without a supervisor this process ends.
    tell: (needs) => void supervisor.needs(needs).catch(() => {}),
    period(key) {
      const destination = loaded.setup.routes.destination(key);
      return destination?.kind === 'relay' ? destination.relay.limits.rate?.seconds : undefined;
    },
    open: (key) => parts?.sessions.openTo(key) ?? 0,
    trim: (key, most) => parts?.sessions.trim(key, most),
  });
  const onDefect = (error: unknown) => logger.error({ err: error }, 'defect');
  const pickUp = new WorkerPickUp({
    held: () => loaded.setup.held,
    place: () => loaded.place,
    calls: supervisor,
    delivery: () => loaded.setup.config.delivery,
    hostname: () => heloName(loaded.setup.config, loaded.place.member),
    ...{ clock, random: systemRandom, log: logger, onDefect },
  });

  function compile(config: MtaConfig, place: Place): Loaded {
    const resolver = systemResolver(config.resolver, clock, systemRandom);
    const surroundings = { random: systemRandom, hosts: systemHosts(), interfaces: systemInterfaces() };
    sts ??= policiesBeside(config.queue.path);
    const context = compileHops(config, { resolver, ...surroundings, sts });
    return {
      setup: createSetup(config, verifier),
      hops: hopsByWish(context, clock),
      context,
      place,
    };
  }

  const policiesBeside = (queuePath: string): KeptPolicies =>
    openPolicies({
      ...{ queuePath, disk: nodeDisk, clock, random: systemRandom, log: logger },
      context: () => loaded.context,
      onFetch(event) {
        metrics.stsFetched(event.result);
        parts?.tlsReports.fetched(event);
      },
    });

  async function open(): Promise<Parts> {
    const { config } = loaded.setup;
    const queue = await openQueue(config.queue, {
      disk: nodeDisk,
      clock,
      random: systemRandom,
      log: logger,
      onSync: (seconds, records) => metrics.synced(seconds, records),
    });
    // Who misses it finds the same on the volume.
    queue.onReleased((release) => void supervisor.released(release).catch(() => {}));
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
    const reports = openReports({
      ...{ queuePath: config.queue.path, disk: nodeDisk, clock, random: systemRandom, log: logger },
      asked: () => loaded.setup.asked,
      counts: metrics.tlsReports,
    });
    // One of the pod's workers is enough.
    if (loaded.place.index === 0) reports.start();
    const clockWatch = new ClockWatch(clock, (jumpMs) => {
      if (jumpMs === 0) logger.info('wall clock is back, mail expires again');
      else logger.error({ jumpMs }, 'wall clock has jumped, nothing expires until it is back');
    });
    const tlsReports: TlsReports = openTlsReports({
      trusted: () => clockWatch.trusted(),
      config: () => loaded.setup.config,
      context: () => loaded.context,
      ...{ member: loaded.place.member, calls: supervisor, originate: (message) => flow.originate(message) },
      ...{ disk: nodeDisk, clock, random: systemRandom, log: logger, onSent: metrics.tlsReport },
    });
    const sessions = createSessions({
      config: () => loaded.setup.config,
      clock,
      most: (destination) => room.most(destination),
      onClosed: (destination) => room.closed(destination),
      onStsFailure({ domain, mode }, host, failure) {
        metrics.stsFailed(mode, failure.fault);
        if (mode === 'testing') {
          logger.info({ domain, host, why: failure.message }, 'MTA-STS policy is tested, and was not kept');
        }
      },
      onTls: (session) => tlsReports.session(session),
      hostname: () => heloName(loaded.setup.config, loaded.place.member),
    });
    const flow: Flow = new Flow({
      setup: () => loaded.setup,
      queue,
      sessions,
      hops: (...asked) => loaded.hops(...asked),
      reports: reports.mailbox,
      log,
      metrics,
      clock,
      random: systemRandom,
      clockWatch,
      pickUp: pickUp.requests,
      onDefect,
    });
    const scheduler = new Scheduler({
      queue,
      clock,
      random: systemRandom,
      attempt: (work) => flow.attempt(work),
      lapse: (work, reply) => flow.lapse(work, reply),
      delivery: () => loaded.setup.config.delivery,
      room,
      learnt: (news) => void supervisor.learnt(news).catch(() => {}),
      onDefect,
    });
    await scheduler.addAll(queue.entries());
    const listeners = new Listeners({
      acceptor: flow,
      clock,
      random: systemRandom,
      ticketSecret: loaded.place.ticketSecret,
      log: {
        refused(event) {
          metrics.refused(event.command, event.error.code);
          log.refused(event);
        },
      },
      onDefect,
    });
    return {
      queue,
      log,
      flow,
      sessions,
      scheduler,
      operations: new Operations({ queue, scheduler, log, clock }),
      listeners,
      web: new Web({
        clock,
        onAnswer: (code) => metrics.webAnswered(code),
        onDefect,
        report: reports.endpoint,
      }),
      tlsReports,
      moving:
        config.queue.mode === 'PerReplica'
          ? createMoving({
              ...{ queue, scheduler, log, metrics, clock, logger },
              calls: supervisor,
              random: systemRandom,
            })
          : undefined,
    };
  }

  /** A destination that is down has earned its back-off on the way that it had. */
  async function wakeRerouted(scheduler: Scheduler, before: Setup, { config, routes }: Setup): Promise<void> {
    const all = !isDeepStrictEqual(waysOf(before.config), waysOf(config));
    await scheduler.wakeThose(
      (key) => all || !isDeepStrictEqual(before.routes.destination(key), routes.destination(key)),
    );
  }

  async function load(config: MtaConfig, place: Place): Promise<void> {
    const before = loaded;
    try {
      const { listeners, web, scheduler, log, queue } = running();
      loaded = compile(config, place);
      const changeLog = await log.prepare(config.log);
      if (!leaving) {
        await web.load(config);
        await listeners.load(config, 1 / place.workers);
      }
      changeLog();
      logger.level = config.log.level;
      await wakeRerouted(scheduler, before.setup, loaded.setup);
      await reholdChanged(before.setup.held, loaded.setup.held, { queue, scheduler, clock });
    } catch (error) {
      metrics.configRefused();
      loaded = before;
      if (!leaving) await parts?.web.load(before.setup.config);
      throw error;
    }
  }

  function running(): Parts {
    if (parts === undefined) throw new Error('the worker has not started');
    return parts;
  }

  function receptions(): Receptions {
    const { moving } = running();
    if (moving !== undefined) return moving.receptions;
    throw new PostriderError('UsageError', 'with storage that all pods see, nothing is moved between them');
  }

  /** What all pods see is for any of them to go on with. */
  async function releaseAll({ queue, scheduler, sessions }: Parts, listening: Promise<void>): Promise<void> {
    const { drainSeconds } = loaded.setup.config;
    queue.adoptNoMore();
    await Promise.all([listening, within(clock, drainSeconds * 1000, scheduler.drain())]);
    await within(clock, CLOSING_MS, sessions.drain());
    await queue.release();
  }

  return {
    ...pickUp.holder(() => {
      const { queue, scheduler, flow } = running();
      return { queue, scheduler, attempt: (work, session) => flow.attempt(work, session) };
    }),
    async start(config, place) {
      loaded = compile(config, place);
      const { listeners, web, operations, sessions, moving, queue, tlsReports } = await open().then(
        (opened) => {
          parts = opened;
          return opened;
        },
      );
      metrics.observe({
        queue: () => {
          const { counts, recipients } = operations.totals();
          const { messages, bytes, oldest, lanes, full, damaged } = counts;
          const oldestSeconds = oldest === undefined ? undefined : (clock.now() - oldest) / 1000;
          const { adopted, lost } = queue.stats();
          return { messages, bytes, oldestSeconds, lanes, full, damaged, adopted, lost, recipients };
        },
        configRevision: () => loaded.setup.config.revision,
        connections: () => listeners.sessions(),
        outboundOpen: () => sessions.open,
        logDropped: () => destination.dropped,
        loopDelay: watchLoopDelay(clock),
      });
      moving?.handOver.start();
      // One of the pod's workers is enough.
      if (place.index === 0) sts?.start();
      await web.load(config);
      tlsReports.start(place.index === 0);
      await listeners.load(config, 1 / place.workers);
    },

    load(config, place) {
      const done = loading.then(() => load(config, place));
      loading = done.catch(() => {});
      return done;
    },

    async ping() {},
    metrics: () => metrics.registry.getMetricsAsJSON(),
    queue: async () => running().operations.summary(),
    totals: async () => running().operations.totals(),
    messages: async (filter: MessageFilter) => running().operations.messages(filter),
    message: async (id: QueueId) => running().operations.message(id),
    content: async (id: QueueId, limit: number) => running().operations.content(id, limit),
    act: async (action: QueueAction, select: readonly QueueId[] | MessageFilter) =>
      running().operations.act(action, select),

    grant: async (grants: readonly Grant[]) => room.grant(grants),
    heard: async (news: DestinationNews) => parts?.scheduler.heard(news),
    noticed: async (release: LaneRelease) => parts?.queue.noticed(release),
    workload: async () => ({ worker: running().queue.worker, ...running().scheduler.load() }),
    lanes: async () => running().queue.lanes(),
    giveAway: async (lane: string, to: WorkerId) => running().queue.giveAway(lane, to),

    async leave(keepLanes: boolean) {
      if (leaving) return;
      leaving = true;
      const opened = running();
      const { queue, listeners, web, moving, tlsReports } = opened;
      queue.leave();
      void tlsReports.leave();
      moving?.handOver.leave();
      // A load that is under way may still open a port.
      await loading;
      const listening = Promise.all([web.stop(), listeners.stop(loaded.setup.config.drainSeconds)]).then(
        () => {},
      );
      const released = keepLanes || moving !== undefined ? listening : releaseAll(opened, listening);
      released.catch(onDefect);
    },
    handOver: async () => running().moving?.handOver.status(),
    async giveUp(member: string) {
      return running().moving?.handOver.giveUp(member) ?? 0;
    },

    takeCounts: async (day: string, writer: string, counts: Uint8Array) =>
      parts?.tlsReports.take(day, writer, Buffer.from(counts)) ?? false,

    receivingLane: async () => parts?.moving?.receptions.lane(),
    laneOnVolume: (lane: string) => isOnVolume(nodeDisk, loaded.setup.config.queue.path, lane),
    openReception: async (lane: string, batch: string, from: string) => receptions().open(lane, batch, from),
    receive: async (batch: string, session: string, piece: Uint8Array) =>
      receptions().write(batch, session, Buffer.from(piece)),
    finishReception: async (batch: string, session: string) => receptions().finish(batch, session),
    closeReception: async (lane: string, batch: string, session: string) =>
      receptions().done(lane, batch, session),

    async drain(seconds) {
      // What hasn't started yet has nothing to finish.
      if (parts === undefined) return;
      const { queue, log, scheduler, sessions, listeners, web, moving, tlsReports } = parts;
      queue.adoptNoMore();
      sts?.stop();
      void tlsReports.leave();
      await loading;
      const deliveries = within(clock, seconds * 1000, scheduler.drain());
      const moves = Promise.all([moving?.handOver.stop(), moving?.receptions.close()]);
      await Promise.all([
        web.stop(),
        listeners.stop(seconds),
        deliveries,
        within(clock, seconds * 1000, moves),
      ]);
      await within(clock, CLOSING_MS, sessions.drain());
      // Nobody's mail waits for reports.
      await queue.release();
      await tlsReports.stop();
      await log.close();
    },
  };
}
