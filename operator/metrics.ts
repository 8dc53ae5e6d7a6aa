/**
 * What the operator counts about itself. docs/operator-metrics.md explains each name, and a test holds the two together. Labels
 * have few values: kinds, verbs and codes, and the names of fleets; never a domain.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EventResult } from './events/writer.ts';
import type { ResourceType } from './kube/resource.ts';
import type { Turn } from './kube/work-queue.ts';

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const PROGRAMMED = [0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 15, 30, 60, 300];

/** Looked at when somebody asks. */
export interface MetricSources {
  readonly queues: () => Iterable<{
    readonly controller: string;
    readonly depth: number;
    readonly failing: number;
  }>;
  /** Ms since each resource was heard of. */
  readonly watches: () => Iterable<{ readonly resource: string; readonly silentMs: number }>;
  readonly fleets: () => Iterable<{ readonly fleet: string; readonly seconds: number }>;
  readonly isLeading: () => boolean;
}

export class OperatorMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #requestSeconds: Histogram;
  readonly #waited: Histogram;
  readonly #worked: Histogram;
  readonly #errors: Counter;
  readonly #events: Counter;
  readonly #programmed: Histogram;
  #sources: MetricSources | undefined;

  constructor() {
    this.#requests = this.#counter('api_requests_total', 'Requests to the API server', [
      ...['verb', 'resource', 'code'],
    ]);
    this.#requestSeconds = this.#histogram('api_request_seconds', 'Time to the answer of the API server', [
      'verb',
    ]);
    this.#waited = this.#histogram('work_queue_wait_seconds', 'From being added to being worked on', [
      'controller',
    ]);
    this.#worked = this.#histogram('reconcile_seconds', 'Time to work on one', ['controller']);
    this.#errors = this.#counter('reconcile_errors_total', 'Work that failed and is tried again', [
      'controller',
    ]);
    this.#events = this.#counter('events_total', 'Events by what became of them', ['result']);
    this.#programmed = this.#histogram(
      'config_programmed_seconds',
      'From a new config to the last serving pod that has loaded it',
      [],
      PROGRAMMED,
    );
    this.#gauge('work_queue_depth', 'Keys that wait', ['controller'], (gauge, { queues }) => {
      for (const { controller, depth } of queues()) gauge.set({ controller }, depth);
    });
    this.#gauge('work_queue_failing', 'Keys whose last work failed', ['controller'], (gauge, { queues }) => {
      for (const { controller, failing } of queues()) gauge.set({ controller }, failing);
    });
    this.#gauge('watch_age_seconds', 'Since it was last heard of', ['resource'], (gauge, { watches }) => {
      for (const { resource, silentMs } of watches()) gauge.set({ resource }, silentMs / 1000);
    });
    this.#gauge(
      'fleet_lag_seconds',
      'Age of what not every pod has loaded',
      ['fleet'],
      (gauge, { fleets }) => {
        for (const { fleet, seconds } of fleets()) gauge.set({ fleet }, seconds);
      },
    );
    this.#gauge('leader', '1 where this process works', [], (gauge, { isLeading }) =>
      gauge.set(isLeading() ? 1 : 0),
    );
    this.#ofProcess();
  }

  /** Where the gauges come from. */
  observe(sources: MetricSources): void {
    this.#sources = sources;
  }

  readonly request = (verb: string, { plural }: ResourceType, status: number, seconds: number): void => {
    this.#requests.inc({ verb, resource: plural, code: status === 0 ? 'none' : String(status) });
    // A watch is answered when there is something to tell.
    if (verb !== 'watch') this.#requestSeconds.observe({ verb }, seconds);
  };

  turn(controller: string, { waitedMs, workedMs, failed }: Turn): void {
    this.#waited.observe({ controller }, waitedMs / 1000);
    this.#worked.observe({ controller }, workedMs / 1000);
    if (failed) this.#errors.inc({ controller });
  }

  event(result: EventResult): void {
    this.#events.inc({ result });
  }

  programmed(seconds: number): void {
    this.#programmed.observe(seconds);
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #ofProcess(): void {
    const registers = [this.#registry];
    new Counter({
      name: 'postrider_operator_process_cpu_seconds_total',
      help: 'CPU time, user and system',
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    });
    new Gauge({
      name: 'postrider_operator_process_resident_memory_bytes',
      help: 'Resident memory',
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `postrider_operator_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[], buckets = SECONDS): Histogram {
    const registers = [this.#registry];
    return new Histogram({ name: `postrider_operator_${name}`, help, labelNames, buckets, registers });
  }

  #gauge(
    name: string,
    help: string,
    labelNames: string[],
    collect: (gauge: Gauge, sources: MetricSources) => void,
  ): void {
    const sources = () => this.#sources;
    new Gauge({
      name: `postrider_operator_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        const given = sources();
        this.reset();
        if (given !== undefined) collect(this, given);
      },
    });
  }
}
