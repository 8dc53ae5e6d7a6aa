import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SECRETS } from './kube/resources.ts';
import { OperatorMetrics } from './metrics.ts';

const sources = {
  queues: () => [{ controller: 'fleet', depth: 3, failing: 1 }],
  watches: () => [{ resource: 'secrets', silentMs: 1500 }],
  fleets: () => [{ fleet: 'mail/mta', seconds: 2 }],
  isLeading: () => true,
};

it('counts what it is told of, and looks at the rest when it is asked', async () => {
  const metrics = new OperatorMetrics();
  metrics.observe(sources);
  metrics.request('apply', SECRETS, 403, 0.2);
  metrics.request('watch', SECRETS, 0, 100);
  metrics.turn('fleet', { waitedMs: 20, workedMs: 200, failed: true });
  metrics.turn('fleet', { waitedMs: 20, workedMs: 200, failed: false });
  metrics.event('limited');
  metrics.programmed(0.7);
  const lines = (await metrics.text()).split('\n');
  for (const line of [
    'api_requests_total{verb="apply",resource="secrets",code="403"} 1',
    'api_requests_total{verb="watch",resource="secrets",code="none"} 1',
    'api_request_seconds_count{verb="apply"} 1',
    'work_queue_wait_seconds_count{controller="fleet"} 2',
    'reconcile_seconds_sum{controller="fleet"} 0.4',
    'reconcile_errors_total{controller="fleet"} 1',
    'events_total{result="limited"} 1',
    'config_programmed_seconds_bucket{le="1"} 1',
    'work_queue_depth{controller="fleet"} 3',
    'work_queue_failing{controller="fleet"} 1',
    'watch_age_seconds{resource="secrets"} 1.5',
    'fleet_lag_seconds{fleet="mail/mta"} 2',
    'leader 1',
  ]) {
    expect(lines).toContain(`postrider_operator_${line}`);
  }
  expect(lines.join('\n')).not.toContain('api_request_seconds_count{verb="watch"}');
});

it('forgets a fleet that has gone', async () => {
  const metrics = new OperatorMetrics();
  metrics.observe(sources);
  await metrics.text();
  metrics.observe({ ...sources, fleets: () => [] });
  expect(await metrics.text()).not.toContain('mail/mta');
});

it('has exactly the names of docs/operator-metrics.md', async () => {
  const docs = readFileSync(new URL('../docs/operator-metrics.md', import.meta.url), 'utf8');
  const documented = [...docs.matchAll(/^\| `(postrider_\w+)` \| (\w+) \|/gm)].map((m) => `${m[1]} ${m[2]}`);
  const text = await new OperatorMetrics().text();
  const named = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map((m) => `${m[1]} ${m[2]}`);
  expect(documented.sort()).toEqual(named.sort());
});
