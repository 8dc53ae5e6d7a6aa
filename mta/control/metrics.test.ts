import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type MetricsJson, WORKER_METRIC, workerMetrics } from './metrics.ts';
import { MetricsSum } from './metrics-sum.ts';

/** A worker of a process of its own, seen through IPC. */
let workers = 0;
const worker = () => ({ metrics: workerMetrics(), process: `worker ${++workers}` });
const json = async ({ metrics, process }: ReturnType<typeof worker>): Promise<MetricsJson> => {
  const carried: MetricsJson = structuredClone(await metrics.registry.getMetricsAsJSON());
  for (const { name, values } of carried) {
    if (name === WORKER_METRIC) values[0]!.labels = { process };
  }
  return carried;
};

const sources = (change: { messages: number; oldestSeconds?: number; revision: number }) => ({
  queue: () => ({
    messages: change.messages,
    bytes: 100,
    oldestSeconds: change.oldestSeconds,
    lanes: 1,
    full: false,
    damaged: 1,
    recipients: { due: 1, active: 2, deferred: 3, held: 4 },
  }),
  configRevision: () => change.revision,
  connections: () => [{ listener: 'smtp', count: 4 }],
  outboundOpen: () => 5,
});

function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((l) => l.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe('MetricsSum', () => {
  it('adds counters and histograms up, and gauges as each says', async () => {
    const [a, b] = [worker(), worker()];
    for (const { metrics } of [a, b]) {
      metrics.connection('smtp');
      metrics.accepted('smtp', 1000);
      metrics.refused('RCPT', 550);
      metrics.ended('delivered', 700);
      metrics.synced(0.003, 12);
      metrics.authentication(false);
      metrics.deferred(3);
      metrics.reports.inc({ kind: 'bounce' });
      metrics.outbound('reused');
      metrics.logError('history');
      metrics.configRefused();
    }
    a.metrics.observe(sources({ messages: 7, oldestSeconds: 90, revision: 12 }));
    b.metrics.observe(sources({ messages: 5, oldestSeconds: 300, revision: 11 }));
    const text = await new MetricsSum().text([await json(a), await json(b)]);
    expect({
      connections: value(text, 'postrider_connections_total{listener="smtp"}'),
      open: value(text, 'postrider_connections_open{listener="smtp"}'),
      bytes: value(text, 'postrider_accepted_bytes_total{listener="smtp"}'),
      refusals: value(text, 'postrider_refusals_total{command="RCPT",code="550"}'),
      delivered: value(text, 'postrider_recipients_ended_total{outcome="delivered"}'),
      deferred: value(text, 'postrider_recipients_deferred_total'),
      within: value(text, 'postrider_delivery_seconds_bucket{le="1"}'),
      below: value(text, 'postrider_delivery_seconds_bucket{le="0.5"}'),
      seconds: value(text, 'postrider_delivery_seconds_sum'),
      groups: value(text, 'postrider_queue_group_records_bucket{le="20"}'),
      damaged: value(text, 'postrider_queue_damaged_groups_total'),
      messages: value(text, 'postrider_queue_messages'),
      oldest: value(text, 'postrider_queue_oldest_age_seconds'),
      revision: value(text, 'postrider_config_revision'),
      held: value(text, 'postrider_queue_recipients{state="held"}'),
      outbound: value(text, 'postrider_outbound_sessions_open'),
    }).toEqual({
      connections: 2,
      open: 8,
      bytes: 2000,
      refusals: 2,
      delivered: 2,
      deferred: 6,
      within: 2,
      below: 0,
      seconds: 1.4,
      groups: 2,
      damaged: 2,
      messages: 12,
      oldest: 300,
      revision: 11,
      held: 8,
      outbound: 10,
    });
  });

  it('keeps the counts of a worker that has gone, and nothing of its queue', async () => {
    const sum = new MetricsSum();
    const [gone, alive, next] = [worker(), worker(), worker()];
    for (const { metrics } of [gone, alive, next]) {
      metrics.accepted('smtp', 10);
      metrics.observe(sources({ messages: 2, revision: 3 }));
    }
    gone.metrics.observe(sources({ messages: 7, revision: 1 }));
    const counts = (text: string) => [
      value(text, 'postrider_accepted_messages_total{listener="smtp"}'),
      value(text, 'postrider_queue_messages'),
      value(text, 'postrider_config_revision'),
    ];
    expect(counts(await sum.text([await json(gone), await json(alive)]))).toEqual([2, 9, 1]);
    expect(counts(await sum.text([await json(alive)]))).toEqual([2, 2, 3]);
    expect(counts(await sum.text([await json(alive), await json(next)]))).toEqual([3, 4, 3]);
    // It was only slow
    gone.metrics.accepted('smtp', 10);
    expect(counts(await sum.text([await json(gone), await json(alive), await json(next)]))).toEqual([
      4, 11, 1,
    ]);
  });

  it('is empty without workers, and never names a process', async () => {
    expect((await new MetricsSum().text([])).trim()).toBe('');
    expect(await new MetricsSum().text([await json(worker())])).not.toContain('worker ');
  });
});

describe('workerMetrics', () => {
  it('shows the same counts at each scrape', async () => {
    const one = worker();
    const { metrics } = one;
    metrics.accepted('smtp', 10);
    expect(await json(one)).toEqual(
      (await json(one)).map((m: { name: string }) =>
        m.name.startsWith('postrider_process_') ? expect.anything() : m,
      ),
    );
  });

  it("bounds the label values of a client's making", async () => {
    const one = worker();
    const { metrics } = one;
    for (let i = 0; i < 100; i++) metrics.refused(`X${i}`, 500);
    const text = await new MetricsSum().text([await json(one)]);
    expect(value(text, 'postrider_refusals_total{command="other",code="500"}')).toBe(100);
    expect(text).not.toContain('X42');
  });

  it('asks for the state of the queue once in a scrape', async () => {
    const one = worker();
    const { metrics } = one;
    let asked = 0;
    const given = sources({ messages: 1, revision: 1 });
    metrics.observe({
      ...given,
      queue: () => {
        asked++;
        return given.queue();
      },
    });
    await json(one);
    expect(asked).toBe(1);
    await json(one);
    expect(asked).toBe(2);
  });

  it('has exactly the names of docs/metrics.md', async () => {
    const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const documented = [...docs.matchAll(/^\| `(postrider_\w+)` \| (\w+) \|/gm)].map(
      (m) => `${m[1]} ${m[2]}`,
    );
    const named = (await json(worker()))
      .filter(({ name }) => name !== WORKER_METRIC)
      .map((m) => `${m.name} ${m.type}`);
    expect(documented.sort()).toEqual(named.sort());
  });
});
