/** Who may read the metrics of an MTA, and what Prometheus is told of them. */
import { z } from 'zod';
import { annotations, cidr, cidrs, duration, labels } from './fields.ts';
import { labelSelector } from './label-selector.ts';
import { atomicList, withRules } from './rules.ts';

const peer = withRules(
  z.strictObject({
    namespaceSelector: labelSelector('the namespace')
      .optional()
      .describe(
        'Namespaces whose pods may; an empty selector is every namespace; that of the MTA where absent.',
      ),
    podSelector: labelSelector('the pod')
      .optional()
      .describe('Pods in these namespaces that may; all of them where absent.'),
    ipBlock: z
      .strictObject({
        cidr: cidr().describe('A network.'),
        except: cidrs().default([]).describe('Networks in it that may not.'),
      })
      .optional()
      .describe('Addresses outside of the cluster.'),
  }),
  [
    {
      rule: 'has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))',
      message: 'say either ipBlock, or namespaceSelector or podSelector or both',
      holds: (self) =>
        (self.ipBlock !== undefined) !==
        (self.namespaceSelector !== undefined || self.podSelector !== undefined),
    },
  ],
);

export const metrics = z.strictObject({
  from: atomicList(peer, 32)
    .optional()
    .describe(
      'Who may reach the port of health and metrics, 2581, by the NetworkPolicy. Everybody where absent: there is no word of mail in it. Nobody where empty. Probes come from the node of the pod, which always may.',
    ),
  podMonitor: z
    .strictObject({
      interval: duration()
        .optional()
        .describe("How often the pods are asked; Prometheus' own choice where absent."),
      labels: labels().describe('Labels that the Prometheus selects PodMonitors by.'),
    })
    .optional()
    .describe(
      "Make a PodMonitor, so that the Prometheus operator's Prometheus finds the pods; {} is enough.",
    ),
  alerts: z
    .strictObject({
      labels: labels().describe('Labels that the Prometheus selects PrometheusRules by.'),
      ruleLabels: labels().describe('Labels of each alert, such as those that Alertmanager routes by.'),
      annotations: annotations().describe('Annotations of each alert, beside summary and description.'),
    })
    .optional()
    .describe(
      'Make a PrometheusRule with alerts: no pod serves, a disk has lied, the queue is full, nothing goes out, and a few more; {} is enough. docs/metrics.md has all of them.',
    ),
});

export type Metrics = z.output<typeof metrics>;
export type Peer = z.output<typeof peer>;
