/** The rows of `field-table.ts` about what the operator makes of an MTA besides its config. */
import type { Changes, Row } from './field-table.ts';

const inService = (more: object) => ({ services: [{ name: 'a', ...more }] });
const balanced = (more: object) => inService({ type: 'LoadBalancer', ...more });
const selected = { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }], matchLabels: { a: 'b' } };
const readBy = (more: object) => ({ 'metrics.from': [more] });
const block = readBy({ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.1'] } });
const rowsBelow = (path: string, names: readonly string[], changes: Changes): Record<string, Row> =>
  Object.fromEntries(names.map((name) => [`${path}.${name}`, ['cluster', changes] as const]));
const SELECTOR = [
  'matchLabels',
  ...['key', 'operator', 'values[]'].map((name) => `matchExpressions[].${name}`),
];

export const shapeRows: Readonly<Record<string, Row>> = {
  maxUnavailable: ['cluster', { maxUnavailable: 2 }],
  ...rowsBelow('services[]', ['name', 'type'], inService({ type: 'NodePort' })),
  ...rowsBelow(
    'services[].listeners[]',
    ['name', 'port', 'nodePort'],
    balanced({ listeners: [{ name: 'smtp', port: 26, nodePort: 30026 }] }),
  ),
  'services[].web': ['cluster', inService({ web: true })],
  ...rowsBelow('web', ['hostname', 'issuerRef.name', 'issuerRef.kind', 'issuerRef.group'], {
    web: { hostname: 'a.example', issuerRef: { name: 'a', kind: 'ClusterIssuer', group: 'issuers.example' } },
  }),
  'services[].externalTrafficPolicy': ['cluster', balanced({ externalTrafficPolicy: 'Local' })],
  'services[].loadBalancerClass': ['cluster', balanced({ loadBalancerClass: 'a.example/b' })],
  'services[].loadBalancerSourceRanges[]': [
    'cluster',
    balanced({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
  ],
  'services[].ipFamilyPolicy': ['cluster', inService({ ipFamilyPolicy: 'PreferDualStack' })],
  'services[].ipFamilies[]': ['cluster', inService({ ipFamilies: ['IPv6'] })],
  'services[].labels': ['cluster', inService({ labels: { a: 'b' } })],
  'services[].annotations': ['cluster', inService({ annotations: { a: 'b' } })],
  'image.name': ['cluster', { 'image.name': 'a:1' }],
  'image.pullPolicy': ['cluster', { 'image.pullPolicy': 'Always' }],
  'image.pullSecrets[].name': ['cluster', { 'image.pullSecrets': [{ name: 'a' }] }],
  'resources.requests': ['cluster', { 'resources.requests': { cpu: '500m' } }],
  'resources.limits': ['cluster', { 'resources.limits': { memory: '1.5Gi' } }],
  'podTemplate.metadata.labels': ['cluster', { 'podTemplate.metadata.labels': { a: 'b' } }],
  'podTemplate.metadata.annotations': ['cluster', { 'podTemplate.metadata.annotations': { a: 'b' } }],
  'podTemplate.spec': ['cluster', { 'podTemplate.spec': { priorityClassName: 'mail' } }],
  ...rowsBelow('metrics.from[].namespaceSelector', SELECTOR, readBy({ namespaceSelector: selected })),
  ...rowsBelow('metrics.from[].podSelector', SELECTOR, readBy({ podSelector: selected })),
  'metrics.from[].ipBlock.cidr': ['cluster', block],
  'metrics.from[].ipBlock.except[]': ['cluster', block],
  ...rowsBelow('metrics.podMonitor', ['interval', 'labels'], {
    'metrics.podMonitor': { interval: '30s', labels: { a: 'b' } },
  }),
  ...rowsBelow('metrics.alerts', ['labels', 'ruleLabels', 'annotations'], {
    'metrics.alerts': { labels: { a: 'b' }, ruleLabels: { a: 'b' }, annotations: { a: 'b' } },
  }),
};
