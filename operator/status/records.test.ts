import { expect, it } from 'vitest';
import { lmtpDomain, testConfig } from '../../test/support/config.ts';
import { recordsOf } from './records.ts';

const PORTS = { smtp: 1, submission: 2, health: 3, control: 4 };
const published = (policy: string) => ({ policy, certificate: 'crt', key: 'key' });
const POLICY = 'version: STSv1\r\nmode: testing\r\nmx: a.test\r\nmax_age: 1\r\n';

function records(
  policy: string | undefined,
  spec: { hostname: string; web?: { port: number; hostname?: string } },
) {
  const mtaSts = policy === undefined ? {} : { mtaSts: published(policy) };
  const domain = lmtpDomain('example.test', 24, { aliases: ['alias.test'], ...mtaSts });
  const found = recordsOf(testConfig('/tmp', PORTS, { domains: [domain] }), spec);
  return { found, of: found.get(domain.resource) };
}

const id = (policy: string): string => {
  const { of = [] } = records(policy, { hostname: 'mx.test' });
  return of.find(({ name }) => name === '_mta-sts.example.test')!.value;
};

it('are for each name of a domain that publishes a policy', () => {
  const { of } = records(POLICY, { hostname: 'Mx.Test', web: { port: 8443 } });
  expect(of).toEqual([
    { name: 'mta-sts.example.test', type: 'CNAME', value: 'mx.test.' },
    {
      name: '_mta-sts.example.test',
      type: 'TXT',
      value: expect.stringMatching(/^v=STSv1; id=[0-9a-f]{20};$/),
    },
    { name: 'mta-sts.alias.test', type: 'CNAME', value: 'mx.test.' },
    { name: '_mta-sts.alias.test', type: 'TXT', value: expect.stringMatching(/^v=STSv1; id=[0-9a-f]{20};$/) },
  ]);
});

it('lead to where the web port is', () => {
  const { of } = records(POLICY, { hostname: 'mx.test', web: { port: 8443, hostname: 'web.test' } });
  expect(of![0]!.value).toBe('web.test.');
});

it('are none for a domain that publishes nothing', () => {
  expect(records(undefined, { hostname: 'mx.test' }).found.size).toBe(0);
});

it('have an id of their policy, and another one for another', () => {
  expect(id(POLICY)).toBe(id(POLICY));
  expect(id(POLICY.replace('testing', 'enforce'))).not.toBe(id(POLICY));
});
