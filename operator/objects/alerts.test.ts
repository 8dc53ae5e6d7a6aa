import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { alertRules } from './alerts.ts';
import type { Fleet } from './fleet.ts';
import { podMonitors, prometheusRules } from './monitoring.ts';
import { podTemplate } from './pod.ts';

const docs = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
/** That these are what the mta has, its own tests hold. */
const metrics = new Map(
  [...docs.matchAll(/^\| `(postrider_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(([, name, type, labels]) => [
    name!,
    { type: type!, labels: labels! },
  ]),
);
const fleet = (more: object = {}): Fleet => ({
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }],
    ...more,
  }),
});
const rules = alertRules(fleet());

describe.each(rules.map((rule) => [rule.alert, rule] as const))(
  '%s',
  (alert, { expr, labels, annotations }) => {
    const used = [...expr.matchAll(/(postrider_\w+)\{([^}]*)\}(\[\w+\])?/g)];

    it('asks for metrics that there are, of this fleet alone, and for the increase of counters', () => {
      expect(used.length).toBeGreaterThan(0);
      for (const [, name, selector, range] of used) {
        expect(metrics.has(name!), name).toBe(true);
        expect(selector).toContain('namespace="mail",pod=~"mta-[0-9]+"');
        expect(metrics.get(name!)!.type === 'counter', name).toBe(range !== undefined);
        for (const [, label] of selector!.matchAll(/,(\w+)!?=/g)) {
          if (label !== 'pod') expect(metrics.get(name!)!.labels).toContain(`\`${label}\``);
        }
      }
    });

    it('says how bad it is, and what to do; the documentation has it', () => {
      expect(['critical', 'warning']).toContain(labels['severity']);
      expect(annotations['summary']).toContain('mail/mta');
      expect(annotations['description']).toMatch(/\.$/);
      expect(docs).toContain(`\`${alert}\``);
    });
  },
);

it('documentation has no alert that there is not', () => {
  const named = new Set([...docs.matchAll(/`(Postrider[A-Z]\w+)`/g)].map(([, name]) => name));
  expect([...named].sort()).toEqual(rules.map(({ alert }) => alert).sort());
});

it('a fleet that is to have no pods is not down', () => {
  const names = alertRules(fleet({ replicas: 0 })).map(({ alert }) => alert);
  expect(names).not.toContain('PostriderDown');
  expect(names).toHaveLength(rules.length - 1);
});

it('the Prometheus operator is told of it where the MTA asks for that, with the labels that it is given', () => {
  expect([...podMonitors(fleet()), ...prometheusRules(fleet())]).toEqual([]);
  const asked = fleet({
    metrics: {
      podMonitor: { interval: '30s', labels: { release: 'prometheus' } },
      alerts: {
        labels: { role: 'alerts' },
        ruleLabels: { team: 'mail' },
        annotations: { runbook_url: 'https://a.example/' },
      },
    },
  });
  const [monitor] = podMonitors(asked);
  expect(monitor!.metadata.labels).toMatchObject({ release: 'prometheus' });
  const [endpoint] = monitor!.spec.podMetricsEndpoints;
  expect(endpoint).toEqual({ port: 'health', path: '/metrics', interval: '30s' });
  const settings = { image: 'mta', operator: { namespace: 'postrider', labels: {} } };
  const template = podTemplate(asked, settings);
  expect(template.spec!.containers[0]!.ports!.map(({ name }) => name)).toContain(endpoint!.port);
  expect(template.metadata!.labels).toMatchObject(monitor!.spec.selector.matchLabels!);
  const [made] = prometheusRules(asked);
  expect(made!.metadata.labels).toMatchObject({ role: 'alerts' });
  const all = made!.spec.groups.flatMap((group) => group.rules);
  expect(all).toHaveLength(rules.length);
  for (const { labels, annotations } of all) {
    expect(labels).toMatchObject({ team: 'mail', mta: 'mta' });
    expect(annotations).toHaveProperty('runbook_url');
  }
});
