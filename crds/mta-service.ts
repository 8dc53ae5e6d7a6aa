/** A Service of an MTA: which of its listeners are reached where, and from where. */
import { z } from 'zod';
import { annotations, cidrs, itemName, labels, port } from './fields.ts';
import { atomicList, mapList, withRules } from './rules.ts';

const exposed = z.strictObject({
  name: itemName().describe('Name of a listener.'),
  port: port()
    .optional()
    .describe(
      'Port of the Service. Where absent, the one at which the world expects such a listener: 25 for SMTP; 587, or 465 with implicit TLS, for Submission; 24 for LMTP; 366 for ODMR. Of two that would have the same, the second has the port that it listens on.',
    ),
  nodePort: port()
    .optional()
    .describe('Port on every node, from the range of the cluster; one that is free where absent.'),
});

export const service = withRules(
  z.strictObject({
    // The name of an MTA has 52 characters at most, that of a Service 63.
    name: z
      .string()
      .min(1)
      .max(10)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, { error: 'must be lower-case letters, digits and -' })
      .describe('Name, unique in the MTA: the Service is called <name of the MTA>-<this name>. Not pods.'),
    listeners: mapList(exposed, ['name'], 16)
      .default([])
      .describe('Listeners that are reached here; all of them where empty.'),
    web: z
      .boolean()
      .optional()
      .describe(
        'Whether the web port of the MTA is reached here too, at 443. True where absent and listeners is empty.',
      ),
    type: z
      .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
      .default('ClusterIP')
      .describe('As in a Service: inside of the cluster, at every node, or at a load balancer.'),
    externalTrafficPolicy: z
      .enum(['Cluster', 'Local'])
      .optional()
      .describe(
        'Local: only nodes with a pod take connections, and the mta sees the addresses of its clients, which limits by address, relayFrom and the log need. Cluster, the default of Kubernetes: it sees those of nodes.',
      ),
    loadBalancerClass: z
      .string()
      .min(1)
      .max(317)
      .optional()
      .describe("Which implementation makes the load balancer; the cluster's default where absent."),
    loadBalancerSourceRanges: cidrs()
      .default([])
      .describe('Networks that the load balancer lets in, where it can tell; everybody where empty.'),
    ipFamilyPolicy: z
      .enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])
      .optional()
      .describe("As in a Service; the cluster's default, SingleStack, where absent."),
    ipFamilies: atomicList(z.enum(['IPv4', 'IPv6']), 2)
      .default([])
      .describe(
        "Families in the order of preference; the cluster's own where empty. Both can be named where the cluster has both.",
      ),
    labels: labels().describe('Further labels of the Service.'),
    annotations: annotations().describe(
      'Annotations of the Service, such as those that load balancers and external-dns read.',
    ),
  }),
  [
    {
      rule: "self.name != 'pods'",
      message: 'pods is the name of the Service by which the pods find each other: choose another one',
      fieldPath: '.name',
      holds: (self) => self.name !== 'pods',
    },
    {
      rule: 'self.listeners.all(a, !has(a.port) || self.listeners.exists_one(b, has(b.port) && b.port == a.port))',
      message: 'two listeners have the same port: give each its own, or make a second Service',
      fieldPath: '.listeners',
      holds: ({ listeners }) => {
        const ports = listeners.flatMap((each) => each.port ?? []);
        return new Set(ports).size === ports.length;
      },
    },
    {
      rule: "self.type != 'ClusterIP' || (!has(self.externalTrafficPolicy) && self.listeners.all(l, !has(l.nodePort)))",
      message:
        'externalTrafficPolicy and nodePort are for type LoadBalancer and NodePort: set type, or leave them out',
      fieldPath: '.type',
      holds: ({ type, externalTrafficPolicy, listeners }) =>
        type !== 'ClusterIP' ||
        (externalTrafficPolicy === undefined && listeners.every(({ nodePort }) => nodePort === undefined)),
    },
    {
      rule: "size(self.ipFamilies) == 0 || (size(self.ipFamilies) == 2) == (has(self.ipFamilyPolicy) && self.ipFamilyPolicy != 'SingleStack')",
      message:
        'with PreferDualStack or RequireDualStack name both ipFamilies, in the order of preference, or none; without, name one',
      fieldPath: '.ipFamilies',
      holds: ({ ipFamilies, ipFamilyPolicy = 'SingleStack' }) =>
        ipFamilies.length === 0 || (ipFamilies.length === 2) === (ipFamilyPolicy !== 'SingleStack'),
    },
    {
      rule: "self.type == 'LoadBalancer' || (!has(self.loadBalancerClass) && size(self.loadBalancerSourceRanges) == 0)",
      message:
        'loadBalancerClass and loadBalancerSourceRanges are for type LoadBalancer: set type, or leave them out',
      fieldPath: '.type',
      holds: ({ type, loadBalancerClass, loadBalancerSourceRanges }) =>
        type === 'LoadBalancer' || (loadBalancerClass === undefined && loadBalancerSourceRanges.length === 0),
    },
  ],
);

export type ServiceSpec = z.output<typeof service>;
