/**
 * Adds the metrics of workers up, over the life of the supervisor: counters of a worker that has gone stay in the sum.
 * Without them it would fall, and Prometheus take what remains for new. A worker that didn't answer in time counts
 * with what it said last.
 */
import { AggregatorRegistry } from 'prom-client';
import { type MetricsJson, WORKER_METRIC } from './metrics.ts';

export class MetricsSum {
  readonly #last = new Map<string, MetricsJson>();

  /** Prometheus text. Counters and histograms are added up, gauges of `answers` joined as each says. */
  async text(answers: readonly MetricsJson[]): Promise<string> {
    const answered = new Set<string>();
    for (const metrics of answers) {
      const worker = workerOf(metrics);
      answered.add(worker);
      this.#last.set(worker, metrics.filter(isSum));
    }
    const others = [...this.#last].filter(([worker]) => !answered.has(worker)).map(([, metrics]) => metrics);
    return AggregatorRegistry.aggregate([...answers, ...others]).metrics();
  }
}

function workerOf(metrics: MetricsJson): string {
  const identity = metrics.find(({ name }) => name === WORKER_METRIC);
  return String(identity?.values[0]?.labels['process']);
}

function isSum({ type }: MetricsJson[number]): boolean {
  return ['counter', 'histogram'].includes(String(type));
}
