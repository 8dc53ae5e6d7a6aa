import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { POD_PORTS } from './fleet.ts';
import { disruptionBudget, networkPolicy } from './policies.ts';

const settings = { image: 'mta', operator: { namespace: 'postrider', labels: { app: 'operator' } } };
const fleet = (more: object) => ({
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [
      { name: 'smtp', role: 'SMTP', port: 2525 },
      { name: 'submission', role: 'Submission', port: 2587 },
    ],
    ...more,
  }),
});
const ingress = (metrics: object) => networkPolicy(fleet({ metrics }), settings).spec.ingress;
/** Who may reach a port, by the rules that have it. */
const mayReach = (port: number, metrics: object = {}) =>
  ingress(metrics)
    .filter(({ ports }) => ports.some((each) => each.port === port))
    .map(({ from }) => from ?? 'everybody');

describe('a pod of a fleet', () => {
  it('is reached at its listeners by everybody, at nothing else', () => {
    expect(mayReach(2525)).toEqual(['everybody']);
    expect(mayReach(2587)).toEqual(['everybody']);
    expect(mayReach(25)).toEqual([]);
  });

  it('answers for Policy Hosts to everybody, where the MTA has a web port', () => {
    const rules = networkPolicy(fleet({ web: {} }), settings).spec.ingress;
    expect(rules[0]).toEqual({ ports: expect.arrayContaining([{ protocol: 'TCP', port: 8443 }]) });
    expect(mayReach(8443)).toEqual([]);
  });

  it('is controlled by the operator alone, and spoken to by its peers', () => {
    expect(mayReach(POD_PORTS.control)).toEqual([
      [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'postrider' } },
          podSelector: { matchLabels: { app: 'operator' } },
        },
      ],
    ]);
    const [peers] = mayReach(POD_PORTS.peers);
    expect(peers).toMatchObject([{ podSelector: { matchLabels: { 'app.kubernetes.io/instance': 'mta' } } }]);
  });

  it('shows its metrics to everybody, to whom the MTA names, or to nobody', () => {
    expect(mayReach(POD_PORTS.health)).toEqual(['everybody']);
    expect(mayReach(POD_PORTS.health, { from: [] })).toEqual([]);
    const from = [
      { namespaceSelector: { matchLabels: { name: 'monitoring' } }, podSelector: {} },
      { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
      { ipBlock: { cidr: '192.0.2.1', except: ['192.0.2.7'] } },
    ];
    expect(mayReach(POD_PORTS.health, { from })).toEqual([
      [from[0], from[1], { ipBlock: { cidr: '192.0.2.1/32', except: ['192.0.2.7/32'] } }],
    ]);
  });
});

it('one pod may be away at a time, or as many as the MTA says', () => {
  expect(disruptionBudget(fleet({})).spec!.maxUnavailable).toBe(1);
  expect(disruptionBudget(fleet({ maxUnavailable: 3 })).spec!.maxUnavailable).toBe(3);
});
