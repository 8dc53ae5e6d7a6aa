import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import { listener } from '../../crds/mta-listener.ts';
import type { Fleet } from './fleet.ts';
import { mailServices, servicePorts } from './services.ts';

const of = (...specs: readonly object[]) =>
  servicePorts(
    specs.map((spec, i) => ({
      listener: listener.parse({ name: `l${i}`, role: 'SMTP', port: 2525 + i, ...spec }),
    })),
  ).map(({ name, port, targetPort }) => `${name} ${port}:${targetPort}`);

const fleet = (services: readonly object[], web?: object): Fleet => ({
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [
      { name: 'smtp', role: 'SMTP', port: 2525 },
      { name: 'submission', role: 'Submission', port: 2587 },
      { name: 'inside', role: 'SMTP', port: 2526 },
    ],
    services,
    web,
  }),
});
const portsOf = (services: readonly object[], web?: object) =>
  mailServices(fleet(services, web)).map(
    ({ metadata, spec }) =>
      `${metadata!.name}: ${spec!.ports!.map(({ port, targetPort }) => `${port}>${targetPort}`).join(' ')}`,
  );

it('a listener is found where the world expects it', () => {
  const tls = (mode: string) => ({ tls: { mode } });
  expect(
    of(
      {},
      { role: 'Submission', ...tls('STARTTLS') },
      { role: 'Submission', ...tls('Implicit') },
      { role: 'ODMR' },
      { role: 'LMTP' },
    ),
  ).toEqual([
    'listener-2525 25:2525',
    'listener-2526 587:2526',
    'listener-2527 465:2527',
    'listener-2528 366:2528',
    'listener-2529 24:2529',
  ]);
});

it('of two for the same port the first one has it', () => {
  expect(of({}, { name: 'inside' })).toEqual(['listener-2525 25:2525', 'listener-2526 2526:2526']);
});

describe('the Services of a fleet', () => {
  it('are one for all listeners where none is named', () => {
    expect(portsOf([])).toEqual(['mta: 25>2525 587>2587 2526>2526']);
    expect(mailServices(fleet([]))[0]!.spec!.type).toBe('ClusterIP');
  });

  it('are those that are named, each with its listeners, at standard ports where none is given', () => {
    expect(
      portsOf([
        { name: 'public', listeners: [{ name: 'smtp' }] },
        { name: 'inside', listeners: [{ name: 'inside' }, { name: 'submission', port: 2000 }] },
        { name: 'all' },
      ]),
    ).toEqual([
      'mta-public: 25>2525',
      'mta-inside: 2000>2587 25>2526',
      'mta-all: 25>2525 587>2587 2526>2526',
    ]);
  });

  it('leave a port that was given to its listener, also where another one has it by standard', () => {
    expect(portsOf([{ name: 'a', listeners: [{ name: 'smtp' }, { name: 'inside', port: 25 }] }])).toEqual([
      'mta-a: 2525>2525 25>2526',
    ]);
  });

  it('are as they are asked to be', () => {
    const [service] = mailServices(
      fleet([
        {
          ...{
            name: 'public',
            type: 'LoadBalancer',
            externalTrafficPolicy: 'Local',
            loadBalancerClass: 'a/b',
          },
          loadBalancerSourceRanges: ['192.0.2.0/24', '198.51.100.7', '2001:db8::1'],
          ...{ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6', 'IPv4'] },
          labels: { team: 'mail', 'app.kubernetes.io/instance': 'other' },
          annotations: { 'external-dns.alpha.kubernetes.io/hostname': 'mail.example.test' },
          listeners: [{ name: 'smtp', nodePort: 30025 }],
        },
      ]),
    );
    expect(service!.spec).toMatchObject({
      ...{ type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerClass: 'a/b' },
      loadBalancerSourceRanges: ['192.0.2.0/24', '198.51.100.7/32', '2001:db8::1/128'],
      ...{ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6', 'IPv4'] },
      ports: [{ port: 25, targetPort: 2525, nodePort: 30025 }],
    });
    expect(service!.metadata).toMatchObject({
      labels: { team: 'mail', 'app.kubernetes.io/instance': 'mta' },
      annotations: { 'external-dns.alpha.kubernetes.io/hostname': 'mail.example.test' },
    });
  });
});

describe('the web port', () => {
  it('is at 443 of a Service of all listeners', () => {
    expect(portsOf([], {})).toEqual(['mta: 25>2525 587>2587 2526>2526 443>8443']);
    expect(portsOf([{ name: 'a' }], { port: 7443 })).toEqual(['mta-a: 25>2525 587>2587 2526>2526 443>7443']);
  });

  it('is where it is asked for, and not where it is not', () => {
    const smtp = [{ name: 'smtp' }];
    expect(portsOf([{ name: 'a', listeners: smtp }], {})).toEqual(['mta-a: 25>2525']);
    expect(portsOf([{ name: 'a', listeners: smtp, web: true }], {})).toEqual(['mta-a: 25>2525 443>8443']);
    expect(portsOf([{ name: 'a', web: false }], {})).toEqual(['mta-a: 25>2525 587>2587 2526>2526']);
  });
});
