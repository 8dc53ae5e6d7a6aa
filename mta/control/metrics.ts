/**
 * What a worker process counts; `metrics-sum.ts` adds workers up. docs/metrics.md explains each name, and a test holds
 * the two together. Labels have few values: never an address, a domain, or a host.
 *
 * Counting is a plain addition: the registry sees the numbers when they are asked for.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TlsFault } from '../deliver/tls-failure.ts';
import type { Outcome } from '../queue/types.ts';
import type { StsFault } from '../route/sts/failure.ts';
import type { Sts } from '../route/types.ts';
import type { ReportCounts } from '../tls-rpt/receive/intake.ts';
import { RESULT_TYPES } from '../tls-rpt/receive/result-types.ts';

/** What `registry.getMetricsAsJSON()` gives, and IPC carries from worker to supervisor. */
export type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** State of the queue that this worker owns; asked for at each scrape. */
export interface QueueGauges {
  readonly messages: number;
  readonly bytes: number;
  readonly oldestSeconds: number | undefined;
  readonly lanes: number;
  readonly full: boolean;
  readonly damaged: number;
  /** Lanes that were taken over so far, by reason. */
  readonly adopted: Readonly<Record<string, number>>;
  /** Lanes that were lost so far. */
  readonly lost: number;
  /** Recipients by state. */
  readonly recipients: Readonly<Record<'due' | 'active' | 'deferred' | 'held', number>>;
}

export interface WorkerMetrics {
  readonly registry: Registry;
  /** A client has connected. */
  connection(listener: string): void;
  /** A message was answered 250. */
  accepted(listener: string, bytes: number): void;
  /** A command was answered 4xx or 5xx. */
  refused(command: string, code: number): void;
  authentication(succeeded: boolean): void;
  /** A recipient has ended, `delay` ms after its message arrived. */
  ended(outcome: Outcome, delay: number): void;
  /** A message has gone to another pod's queue, or has come from one. */
  moved(direction: 'out' | 'in', bytes: number): void;
  /** Recipients that an attempt left for later. */
  deferred(recipients: number): void;
  readonly reports: { inc(labels: { kind: 'bounce' | 'delay' | 'success' }): void };
  /** A session with a next hop was opened, taken again for another message, or could not be had. */
  outbound(result: 'opened' | 'reused' | 'failed'): void;
  /** The MTA-STS policy of a domain was asked for. */
  stsFetched(result: 'ok' | StsFault): void;
  /** A session with a next hop has failed an MTA-STS policy. */
  stsFailed(mode: Sts['mode'], fault: TlsFault): void;
  /** A request at the web port was answered. */
  webAnswered(code: number): void;
  /** TLS reports of others on domains of ours. */
  readonly tlsReports: ReportCounts;
  /** A TLS report was handed over for good, given up, or has to wait for another attempt. */
  tlsReport(transport: 'mailto' | 'https', result: 'sent' | 'later' | 'failed'): void;
  /** A group of `records` was made durable in `seconds`. */
  synced(seconds: number, records: number): void;
  /** A new config was refused. */
  configRefused(): void;
  /** A record of the history was lost, or has to wait for the disk. */
  historyError(): void;
  /** Where the gauges come from; asked at each scrape. */
  observe(sources: GaugeSources): void;
}

/** Additions by label values; given to a counter when it is collected. */
class Tally {
  readonly #counts = new Map<string, { labels: Record<string, string>; count: number }>();

  add(key: string, labels: () => Record<string, string>, by = 1): void {
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { labels: labels(), count: by });
    else entry.count += by;
  }

  into(counter: Counter): void {
    counter.reset();
    for (const { labels, count } of this.#counts.values()) counter.inc(labels, count);
  }
}

const SYNC_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5];
const GROUP_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const DELIVERY_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 432_000];

/** What a client sends as a command is counted under its own name only where it is one. */
const COMMANDS = new Set(
  'AUTH BDAT CONNECT DATA EHLO ETRN EXPN HELO HELP LHLO MAIL NOOP QUIT RCPT RSET STARTTLS VRFY'.split(' '),
);

export interface GaugeSources {
  readonly queue: () => QueueGauges;
  readonly configRevision: () => number;
  /** Open sessions of clients. */
  readonly connections: () => Iterable<{ listener: string; count: number }>;
  /** Sessions with next hops at this moment. */
  readonly outboundOpen: () => number;
  /** Lines of the log that were lost so far. */
  readonly logDropped: () => number;
  /** The longest in seconds, since it was last asked, that one thing kept all others waiting. */
  readonly loopDelay: () => number;
}

/** Handles and registry of one worker process. */
export function workerMetrics(): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];

  const counter = (name: string, help: string, labelNames: string[] = []): Tally => {
    const tally = new Tally();
    new Counter({
      name: `postrider_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        tally.into(this);
      },
    });
    return tally;
  };
  const gauge = (...args: GaugeArgs) => newGauge(registry, ...args);
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: `postrider_${name}`, help, buckets, registers });

  let sources: GaugeSources | undefined;
  const connections = counter('connections_total', 'Connections of clients', ['listener']);
  gauge(
    'connections_open',
    'Connections of clients at this moment',
    (metric) => {
      for (const { listener, count } of sources?.connections() ?? []) metric.set({ listener }, count);
    },
    'sum',
    ['listener'],
  );
  const messages = counter('accepted_messages_total', 'Messages answered 250', ['listener']);
  const bytes = counter('accepted_bytes_total', 'Content of messages answered 250', ['listener']);
  const refusals = counter('refusals_total', 'Commands answered 4xx or 5xx', ['command', 'code']);
  const authentications = counter('authentications_total', 'AUTH by result', ['result']);
  const ends = counter('recipients_ended_total', 'Recipients that have ended', ['outcome']);
  const moves = counter('moved_messages_total', 'Messages that went to other pods, or came', ['direction']);
  const movedBytes = counter('moved_bytes_total', 'Their content', ['direction']);
  const deferrals = counter('recipients_deferred_total', 'Recipients that an attempt left for later');
  const reports = counter('reports_total', 'Reports that were queued', ['kind']);
  const outbound = counter('outbound_sessions_total', 'Sessions with next hops by how they were had', [
    'result',
  ]);
  const stsFetches = counter('mta_sts_fetches_total', 'Fetches of MTA-STS policies', ['result']);
  const stsFailures = counter('mta_sts_failures_total', 'Sessions that fail an MTA-STS policy', [
    ...['mode', 'fault'],
  ]);
  const webAnswers = counter('web_requests_total', 'Requests at the web port', ['code']);
  const tlsReports = counter('tls_reports_received_total', 'TLS reports by what became of them', [
    ...['via', 'result'],
  ]);
  const reportSessions = counter('tls_report_sessions_total', 'Sessions that TLS reports tell of', [
    'result',
  ]);
  const reportFailures = counter('tls_report_failures_total', 'Failed sessions that TLS reports tell of', [
    'type',
  ]);
  const reportsSent = counter('tls_reports_total', 'Attempts to send TLS reports', ['transport', 'result']);
  const refusedConfigs = counter('config_refused_total', 'Configs that were refused');
  const historyErrors = counter('history_errors_total', 'Failed writes of the history, and lost records');
  newSum(
    registry,
    'log_dropped_lines_total',
    'Lines of the log that were lost',
    () => sources?.logDropped() ?? 0,
  );
  const sync = histogram('queue_sync_seconds', 'Time to make a group of records durable', SYNC_BUCKETS);
  const group = histogram('queue_group_records', 'Records that share one sync', GROUP_BUCKETS);
  const delivery = histogram(
    'delivery_seconds',
    'From arrival to delivery, per delivered recipient',
    DELIVERY_BUCKETS,
  );

  gauge('outbound_sessions_open', 'Sessions with next hops at this moment', (metric) => {
    metric.set(sources?.outboundOpen() ?? 0);
  });
  gauge(
    'config_revision',
    'Revision of the config that is loaded; the lowest of the workers',
    (metric) => metric.set(sources?.configRevision() ?? 0),
    'min',
  );
  queueGauges(
    registry,
    oncePerTurn(() => sources?.queue()),
  );
  processMetrics(registry);
  gauge(
    'process_event_loop_delay_seconds',
    'Longest that one thing kept all others waiting since the last scrape',
    (metric) => metric.set(sources?.loopDelay() ?? 0),
    'max',
  );

  return {
    registry,
    connection: (listener) => connections.add(listener, () => ({ listener })),
    accepted(listener, size) {
      messages.add(listener, () => ({ listener }));
      bytes.add(listener, () => ({ listener }), size);
    },
    refused(command, code) {
      const known = COMMANDS.has(command) ? command : 'other';
      refusals.add(`${known} ${code}`, () => ({ command: known, code: String(code) }));
    },
    authentication(succeeded) {
      const result = succeeded ? 'ok' : 'failed';
      authentications.add(result, () => ({ result }));
    },
    ended(outcome, delay) {
      ends.add(outcome, () => ({ outcome }));
      if (outcome === 'delivered') delivery.observe(Math.max(0, delay) / 1000);
    },
    moved(direction, size) {
      moves.add(direction, () => ({ direction }));
      movedBytes.add(direction, () => ({ direction }), size);
    },
    deferred: (recipients) => deferrals.add('', () => ({}), recipients),
    reports: { inc: ({ kind }) => reports.add(kind, () => ({ kind })) },
    outbound: (result) => outbound.add(result, () => ({ result })),
    stsFetched: (result) => stsFetches.add(result, () => ({ result })),
    stsFailed: (mode, fault) => stsFailures.add(`${mode} ${fault}`, () => ({ mode, fault })),
    webAnswered: (code) => webAnswers.add(String(code), () => ({ code: String(code) })),
    tlsReports: {
      received: (via, result) => tlsReports.add(`${via} ${result}`, () => ({ via, result })),
      sessions: (result, sessions) => reportSessions.add(result, () => ({ result }), sessions),
      failures(resultType, sessions) {
        const type = RESULT_TYPES.has(resultType) ? resultType : 'other';
        reportFailures.add(type, () => ({ type }), sessions);
      },
    },
    tlsReport(transport, result) {
      reportsSent.add(`${transport} ${result}`, () => ({ transport, result }));
    },
    synced(seconds, records) {
      sync.observe(seconds);
      group.observe(records);
    },
    configRefused: () => refusedConfigs.add('', () => ({})),
    historyError: () => historyErrors.add('', () => ({})),
    observe(given) {
      sources = given;
    },
  };
}

type GaugeArgs = [
  name: string,
  help: string,
  collect: (gauge: Gauge) => void,
  aggregator?: 'sum' | 'min' | 'max',
  labelNames?: string[],
];

/** `aggregator` says how the supervisor adds its workers up. */
function newGauge(
  registry: Registry,
  ...[name, help, collect, aggregator = 'sum', labelNames = []]: GaugeArgs
) {
  new Gauge({
    name: `postrider_${name}`,
    help,
    labelNames,
    aggregator,
    registers: [registry],
    collect() {
      this.reset();
      collect(this);
    },
  });
}

/** A counter that somebody else counts. */
function newSum(registry: Registry, name: string, help: string, total: () => number): void {
  new Counter({
    name: `postrider_${name}`,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(total());
    },
  });
}

/** One scrape collects all gauges in one turn of the event loop; what they share is asked for once. */
function oncePerTurn<T>(ask: () => T): () => T {
  let kept: { value: T } | undefined;
  return () => {
    if (kept === undefined) {
      kept = { value: ask() };
      queueMicrotask(() => {
        kept = undefined;
      });
    }
    return kept.value;
  };
}

function queueGauges(registry: Registry, queue: () => QueueGauges | undefined): void {
  const gauge = (...args: GaugeArgs) => newGauge(registry, ...args);
  gauge('queue_messages', 'Messages in the queue', (metric) => metric.set(queue()?.messages ?? 0));
  gauge('queue_bytes', 'Content of the messages in the queue', (metric) => metric.set(queue()?.bytes ?? 0));
  gauge(
    'queue_oldest_age_seconds',
    'Age of the oldest message in the queue; 0 where there is none',
    (metric) => metric.set(queue()?.oldestSeconds ?? 0),
    'max',
  );
  gauge('queue_lanes', 'Lanes that are ours', (metric) => metric.set(queue()?.lanes ?? 0));
  gauge(
    'queue_full',
    '1 while mail is refused for want of space',
    (metric) => metric.set(queue()?.full ? 1 : 0),
    'max',
  );
  gauge(
    'queue_recipients',
    'Recipients in the queue',
    (metric) => {
      for (const [state, count] of Object.entries(queue()?.recipients ?? {})) metric.set({ state }, count);
    },
    'sum',
    ['state'],
  );
  newSum(
    registry,
    'queue_damaged_groups_total',
    'Damaged records, groups and bodies that were found',
    () => queue()?.damaged ?? 0,
  );
  newSum(registry, 'queue_lanes_lost_total', 'Lanes that were lost', () => queue()?.lost ?? 0);
  new Counter({
    name: 'postrider_queue_lanes_adopted_total',
    help: 'Lanes that were taken over',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(queue()?.adopted ?? {})) this.inc({ reason }, count);
    },
  });
}

/** Name of the metric whose label tells a worker's numbers from those of the one that took its place; never shown. */
export const WORKER_METRIC = 'postrider_worker';

function processMetrics(registry: Registry): void {
  new Gauge({
    name: WORKER_METRIC,
    help: 'The process',
    labelNames: ['process'],
    aggregator: 'omit',
    registers: [registry],
  }).set({ process: `${process.pid} ${performance.timeOrigin}` }, 1);
  newSum(registry, 'process_cpu_seconds_total', 'CPU time of the workers, user and system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  newGauge(registry, 'process_resident_memory_bytes', 'Resident memory of the workers', (metric) =>
    metric.set(process.memoryUsage.rss()),
  );
}
