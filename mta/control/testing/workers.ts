/** Workers as tests of the metrics see them. */
import { type MetricsJson, WORKER_METRIC, workerMetrics } from '../metrics.ts';

/** A worker of a process of its own, seen through IPC. */
let workers = 0;
export const worker = () => ({ metrics: workerMetrics(), process: `worker ${++workers}` });
export const json = async ({ metrics, process }: ReturnType<typeof worker>): Promise<MetricsJson> => {
  const carried: MetricsJson = structuredClone(await metrics.registry.getMetricsAsJSON());
  for (const { name, values } of carried) {
    if (name === WORKER_METRIC) values[0]!.labels = { process };
  }
  return carried;
};

export const sources = (change: { messages: number; oldestSeconds?: number; revision: number }) => ({
  queue: () => ({
    messages: change.messages,
    bytes: 100,
    oldestSeconds: change.oldestSeconds,
    lanes: 1,
    full: false,
    damaged: 1,
    adopted: { released: 2, lapsed: 1 },
    lost: 1,
    recipients: { due: 1, active: 2, deferred: 3, held: 4 },
  }),
  configRevision: () => change.revision,
  connections: () => [{ listener: 'smtp', count: 4 }],
  outboundOpen: () => 5,
  loopDelay: () => 0,
  logDropped: () => 6,
});

export function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((l) => l.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
