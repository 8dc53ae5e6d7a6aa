import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mergeMetrics, retireMetrics, workerMetrics } from './metrics.ts';

const json = async (metrics: ReturnType<typeof workerMetrics>) =>
  // As IPC carries it
  JSON.parse(JSON.stringify(await metrics.registry.getMetricsAsJSON()));

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
  outboundOpen: () => 5,
});

function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((l) => l.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe('mergeMetrics', () => {
  it('adds counters and histograms up, and gauges as each says', async () => {
    const a = workerMetrics();
    const b = workerMetrics();
    for (const worker of [a, b]) {
      worker.connection('smtp');
      worker.accepted('smtp', 1000);
      worker.refused('RCPT', 550);
      worker.ended('delivered', 700);
      worker.synced(0.003, 12);
      worker.authentication(false);
      worker.deferred(3);
      worker.reports.inc({ kind: 'bounce' });
      worker.outbound('reused');
      worker.logError('history');
      worker.configRefused();
    }
    b.connectionClosed('smtp');
    a.observe(sources({ messages: 7, oldestSeconds: 90, revision: 12 }));
    b.observe(sources({ messages: 5, oldestSeconds: 300, revision: 11 }));
    const text = await mergeMetrics([await json(a), await json(b)]);
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
      open: 1,
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
    const gone = workerMetrics();
    gone.accepted('smtp', 10);
    gone.observe(sources({ messages: 7, revision: 1 }));
    const alive = workerMetrics();
    alive.accepted('smtp', 10);
    alive.observe(sources({ messages: 2, revision: 3 }));
    const text = await mergeMetrics([retireMetrics(await json(gone)), await json(alive)]);
    expect(value(text, 'postrider_accepted_messages_total{listener="smtp"}')).toBe(2);
    expect(value(text, 'postrider_queue_messages')).toBe(2);
    expect(value(text, 'postrider_config_revision')).toBe(3);
  });

  it('is empty without workers', async () => {
    expect((await mergeMetrics([])).trim()).toBe('');
  });
});

describe('workerMetrics', () => {
  it('shows the same counts at each scrape', async () => {
    const metrics = workerMetrics();
    metrics.accepted('smtp', 10);
    expect(await json(metrics)).toEqual(
      (await json(metrics)).map((m: { name: string }) =>
        m.name.startsWith('postrider_process_') ? expect.anything() : m,
      ),
    );
  });

  it("bounds the label values of a client's making", async () => {
    const metrics = workerMetrics();
    for (let i = 0; i < 100; i++) metrics.refused(`X${i}`, 500);
    const text = await mergeMetrics([await json(metrics)]);
    expect(value(text, 'postrider_refusals_total{command="other",code="500"}')).toBe(100);
    expect(text).not.toContain('X42');
  });

  it('asks for the state of the queue once in a scrape', async () => {
    const metrics = workerMetrics();
    let asked = 0;
    const given = sources({ messages: 1, revision: 1 });
    metrics.observe({
      ...given,
      queue: () => {
        asked++;
        return given.queue();
      },
    });
    await json(metrics);
    expect(asked).toBe(1);
    await json(metrics);
    expect(asked).toBe(2);
  });

  it('has exactly the names of docs/metrics.md', async () => {
    const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const documented = [...docs.matchAll(/^\| `(postrider_\w+)` \| (\w+) \|/gm)].map(
      (m) => `${m[1]} ${m[2]}`,
    );
    const named = (await workerMetrics().registry.getMetricsAsJSON()).map((m) => `${m.name} ${m.type}`);
    expect(documented.sort()).toEqual(named.sort());
  });
});
