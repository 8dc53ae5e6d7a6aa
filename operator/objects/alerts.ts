/** Alerts on a fleet's metrics: what a person should know of, and what one should be woken for. docs/metrics.md says what to do. Pure. */
import type { AlertRule } from '../kube/types.ts';
import type { Fleet } from './fleet.ts';

/** Severities as kube-prometheus has them: `critical` wakes somebody, `warning` waits for the morning. */
type Severity = 'critical' | 'warning';

interface Alert {
  readonly alert: string;
  /** `of` puts the pods of the fleet into a selector: `of('a', 'b="c"')` is `a{namespace="…",pod=~"…",b="c"}`. */
  readonly expr: (of: (metric: string, ...more: readonly string[]) => string) => string;
  /** How long it has to be so. */
  readonly for?: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly description: string;
}

const increases = (metric: string, within: string): string =>
  `sum by (pod) (increase(${metric}[${within}])) > 0`;

const ALERTS: readonly Alert[] = [
  {
    alert: 'PostriderDown',
    expr: (of) => `absent(${of('postrider_config_revision')})`,
    ...{ for: '5m', severity: 'critical' },
    summary: 'No pod serves',
    description:
      'Prometheus reaches no pod of the fleet: mail is neither taken nor delivered, or nobody can see it.',
  },
  {
    alert: 'PostriderQueueDamaged',
    expr: (of) => increases(of('postrider_queue_damaged_groups_total'), '1h'),
    severity: 'critical',
    summary: 'The queue is damaged',
    description:
      'A disk has lied: records that were synced can not be read. What could be read is served, the rest is kept aside.',
  },
  {
    alert: 'PostriderQueueFull',
    expr: (of) => `max by (pod) (${of('postrider_queue_full')}) == 1`,
    ...{ for: '5m', severity: 'critical' },
    summary: 'The volume of the queue is full',
    description:
      'Mail is refused with 452 until there is room: make the volume larger, or find what does not leave.',
  },
  {
    alert: 'PostriderNothingGoesOut',
    expr: (of) => {
      const sessions = (result: string) =>
        `sum(increase(${of('postrider_outbound_sessions_total', `result${result}`)}[15m]))`;
      // Where there was none that was had, there may be no series of them either.
      return `${sessions('="failed"')} > 30 unless ${sessions('!="failed"')} > 0`;
    },
    ...{ for: '15m', severity: 'critical' },
    summary: 'No session with any next hop can be had',
    description:
      'Every try of the last half hour has failed: look at DNS, at the network, and at the smart host.',
  },
  {
    alert: 'PostriderMailWaits',
    expr: (of) => `max(${of('postrider_queue_oldest_age_seconds')}) > 14400`,
    ...{ for: '15m', severity: 'warning' },
    summary: 'Mail has waited for four hours',
    description:
      'The oldest message is older than its sender expects: kubectl postrider list shows what waits, and why.',
  },
  {
    alert: 'PostriderConfigRefused',
    expr: (of) => increases(of('postrider_config_refused_total'), '10m'),
    severity: 'warning',
    summary: 'A pod refuses the config',
    description: 'It goes on with the one before. The conditions of the MTA have its reason.',
  },
  {
    alert: 'PostriderLaneLost',
    expr: (of) => increases(of('postrider_queue_lanes_lost_total'), '10m'),
    severity: 'warning',
    summary: 'A pod has lost its part of the queue',
    description: 'It stood still for a term, or its disk failed; another pod goes on with that mail.',
  },
  {
    alert: 'PostriderMemberSilent',
    expr: (of) => `max by (pod) (${of('postrider_fleet_members', 'state="silent"')}) > 0`,
    ...{ for: '10m', severity: 'warning' },
    summary: 'Pods do not hear each other',
    description:
      'Limits are shared out as if nothing could be lent. A pod whose node is gone for good has to be deleted.',
  },
  {
    alert: 'PostriderLogIncomplete',
    expr: (of) =>
      `${increases(of('postrider_log_dropped_lines_total'), '10m')} or ${increases(of('postrider_history_errors_total'), '10m')}`,
    severity: 'warning',
    summary: 'The record of what happened has gaps',
    description: 'Nobody reads the log fast enough, or the history can not be written.',
  },
];

export function alertRules(fleet: Fleet): AlertRule[] {
  const { alerts } = fleet.spec.metrics;
  const pods = [`namespace="${fleet.namespace}"`, `pod=~"${fleet.name}-[0-9]+"`];
  const of = (metric: string, ...more: readonly string[]) => `${metric}{${[...pods, ...more].join(',')}}`;
  // A fleet without pods is not down: somebody wants it so.
  return ALERTS.filter(({ alert }) => alert !== 'PostriderDown' || fleet.spec.replicas > 0).map(
    ({ alert, expr, for: since, severity, summary, description }) => ({
      alert,
      expr: expr(of),
      ...(since !== undefined && { for: since }),
      labels: { severity, mta: fleet.name, namespace: fleet.namespace, ...alerts?.ruleLabels },
      annotations: {
        ...alerts?.annotations,
        summary: `${fleet.namespace}/${fleet.name}: ${summary}`,
        description,
      },
    }),
  );
}
