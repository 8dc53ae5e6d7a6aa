import { describe, expect, it } from 'vitest';
import { MetricsSum } from './metrics-sum.ts';
import { json, sources, value, worker } from './testing/workers.ts';

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
      metrics.historyError();
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
      adopted: value(text, 'postrider_queue_lanes_adopted_total{reason="released"}'),
      lost: value(text, 'postrider_queue_lanes_lost_total'),
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
      adopted: 4,
      lost: 2,
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
