/** What the Prometheus operator is told of a fleet, where the MTA asks for it. Pure. */
import type { PodMonitor, PrometheusRule } from '../kube/types.ts';
import { alertRules } from './alerts.ts';
import { type Fleet, metadataWith, names, selectorOf } from './fleet.ts';

const API_VERSION = 'monitoring.coreos.com/v1';

/** None, or one. */
export function podMonitors(fleet: Fleet): PodMonitor[] {
  const { podMonitor } = fleet.spec.metrics;
  if (podMonitor === undefined) return [];
  const { interval } = podMonitor;
  return [
    {
      apiVersion: API_VERSION,
      kind: 'PodMonitor',
      metadata: metadataWith(fleet, names.podMonitor(fleet), podMonitor),
      spec: {
        selector: { matchLabels: selectorOf(fleet) },
        podMetricsEndpoints: [
          { port: 'health', path: '/metrics', ...(interval !== undefined && { interval }) },
        ],
      },
    },
  ];
}

/** None, or one. */
export function prometheusRules(fleet: Fleet): PrometheusRule[] {
  const { alerts } = fleet.spec.metrics;
  if (alerts === undefined) return [];
  const { labels } = alerts;
  return [
    {
      apiVersion: API_VERSION,
      kind: 'PrometheusRule',
      metadata: metadataWith(fleet, names.alerts(fleet), { labels }),
      spec: { groups: [{ name: `postrider-${fleet.name}`, rules: alertRules(fleet) }] },
    },
  ];
}
