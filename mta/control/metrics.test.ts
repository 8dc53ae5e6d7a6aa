import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FleetCounts } from '../fleet/counts.ts';
import { WORKER_METRIC } from './metrics.ts';
import { MetricsSum } from './metrics-sum.ts';
import { json, sources, value, worker } from './testing/workers.ts';

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
    const ofWorkers = (await json(worker()))
      .filter(({ name }) => name !== WORKER_METRIC)
      .map((m) => `${m.name} ${m.type}`);
    const fleet = await new FleetCounts().text({ members: [], tokens: { wanted: 0, granted: 0 } });
    const ofFleet = [...fleet.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map((m) => `${m[1]} ${m[2]}`);
    const named = [...ofWorkers, ...ofFleet];
    expect(documented.sort()).toEqual(named.sort());
  });
});
