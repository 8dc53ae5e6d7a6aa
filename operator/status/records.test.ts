import { describe, expect, it } from 'vitest';
import { mailDomain } from '../../crds/mail-domain.ts';
import type { Domain } from '../../mta/config.ts';
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

describe('the record that asks for TLS reports (RFC 8460 §3)', () => {
  const asking = (tlsRpt: Domain['tlsRpt'], aliases: string[] = [], more: Partial<Domain> = {}) => {
    const domain = lmtpDomain('example.test', 24, { aliases, ...(tlsRpt && { tlsRpt }), ...more });
    const found = recordsOf(testConfig('/tmp', PORTS, { domains: [domain] }), { hostname: 'mx.test' });
    return (found.get(domain.resource) ?? []).map(({ name, type, value }) => `${name} ${type} ${value}`);
  };

  it('names the mailbox that is here, and whoever else is to have them', () => {
    const rua = ['https://reports.example.net/tls?a=b', 'mailto:tls@example.net'];
    expect(asking({ mailbox: 'tls-reports', rua })).toEqual([
      '_smtp._tls.example.test TXT v=TLSRPTv1; rua=mailto:tls-reports@example.test,https://reports.example.net/tls?a=b,mailto:tls@example.net',
    ]);
  });

  it('is there for each name of the domain, with the mailbox of that name', () => {
    expect(asking({ mailbox: 'tls', rua: [] }, ['xn--bcher-kva.example'])).toEqual([
      '_smtp._tls.example.test TXT v=TLSRPTv1; rua=mailto:tls@example.test',
      '_smtp._tls.xn--bcher-kva.example TXT v=TLSRPTv1; rua=mailto:tls@xn--bcher-kva.example',
    ]);
  });

  it('names the Policy Host, too, where there is one and reports are taken here', () => {
    const more = { mtaSts: published(POLICY) };
    expect(asking({ mailbox: 'tls', rua: [] }, [], more).at(-1)).toBe(
      '_smtp._tls.example.test TXT v=TLSRPTv1; rua=mailto:tls@example.test,https://mta-sts.example.test/tls-reports',
    );
    expect(asking({ rua: ['mailto:a@b.test'] }, [], more).at(-1)).toMatch(/rua=mailto:a@b\.test$/);
  });

  it('may name others alone, and nobody twice', () => {
    const mailto = ['mailto:tls-reports@example.test'];
    const record = `_smtp._tls.example.test TXT v=TLSRPTv1; rua=${mailto[0]}`;
    expect(asking({ rua: mailto })).toEqual([record]);
    expect(asking({ mailbox: 'tls-reports', rua: mailto })).toEqual([record]);
  });

  it('is not there where nobody asks', () => {
    expect(asking(undefined)).toEqual([]);
  });

  const parses = (tlsRpt: unknown): boolean => mailDomain.spec.shape.tlsRpt.safeParse(tlsRpt).success;

  it('has no URI that would make it another record', () => {
    const rest = "#$%&'()*+-./059:<=>AZ[]^_`az{|}~";
    expect(parses({ rua: [`https://${rest}?@`, `mailto:${rest}@${rest}`] })).toBe(true);
    expect(parses({ rua: ['https://reports.example.net/tls?a=b', 'mailto:tls@example.net'] })).toBe(true);
    for (const uri of [
      ...[
        'mailto:a@b.test,mailto:c@d.test',
        'mailto:a@b.test;v=x',
        'mailto:a@b.test!10m',
        'mailto:a b@c.test',
      ],
      ...['http://a.test/', 'https://', 'mailto:a', 'ftp://a.test', 'https://a.test/\n', 'mailto:a?b@c.test'],
      // What would end a string in a zone file, or is none of a URI.
      ...['"', '\\', '\0', '\x1f', '\x7f', ' ', '\u0085', 'ü', ',', ';', '!'].flatMap((octet) => [
        ...[`https://a.test/${octet}x`, `mailto:a${octet}x@b.test`, `mailto:a@b${octet}x.test`],
      ]),
    ]) {
      expect(parses({ rua: [uri] }), uri).toBe(false);
    }
  });

  it.each(['Tls', 'a b', 'a@b', '.a', 'a..b', 'a+b', '', 'x'.repeat(65)])(
    'has no mailbox %s',
    (localPart) => {
      expect(parses({ receive: { localPart } })).toBe(false);
    },
  );
});

it('are none at names that are too long for DNS', () => {
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.test`;
  const domain = lmtpDomain(long, 24, { mtaSts: published(POLICY) });
  expect(recordsOf(testConfig('/tmp', PORTS, { domains: [domain] }), { hostname: 'mx.test' }).size).toBe(0);
});
