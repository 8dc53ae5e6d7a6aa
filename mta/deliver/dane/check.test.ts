import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { TlsaRecord } from '../../route/dns-answer.ts';
import { checkTlsa } from './check.ts';
import { certificates } from './testing/certificates.ts';
import { tlsaOf } from './testing/records.ts';

type Name = keyof typeof certificates;

const NOW = Date.parse('2030-01-01T00:00:00Z');
const MX = ['mx.peer.test'];

/** What is wrong, or `good`. @param records `2 0 1 root` */
function outcome(
  sent: readonly Name[],
  records: readonly string[],
  references: readonly string[] = MX,
  now = NOW,
): string {
  const [own, ...others] = sent.map((name) => certificates[name]);
  const tlsa = records.map((record): TlsaRecord => {
    const [, fields, name] = /^(\d \d \d) (\w+)$/.exec(record)!;
    return tlsaOf(fields!, certificates[name as Name]);
  });
  try {
    checkTlsa([own as X509Certificate, ...others], { records: tlsa, references }, now);
    return 'good';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('DANE-EE(3)', () => {
  it.each(['3 0 0', '3 0 1', '3 0 2', '3 1 0', '3 1 1', '3 1 2'])(
    '%s of the certificate is enough',
    (fields) => {
      expect(outcome(['leaf'], [`${fields} leaf`])).toBe('good');
      expect(outcome(['leaf', 'intermediate'], [`${fields} intermediate`])).toBe(
        `tlsa-invalid: none of 1 TLSA records matches the server, for which one would be 3 1 1 ${tlsaOf('3 1 1', certificates.leaf).data}`,
      );
    },
  );

  it('looks at no name, no date and no usage', () => {
    for (const name of ['leaf', 'forClients', 'critical', 'root'] as const) {
      for (const now of [0, Date.parse('2500-01-01')]) {
        expect(outcome([name], [`3 1 1 ${name}`], ['elsewhere.test'], now)).toBe('good');
      }
    }
  });

  it('of a key that is to come, or has gone, does no harm in a rollover', () => {
    expect(outcome(['leaf'], ['3 1 1 commonName', '3 1 1 leaf'])).toBe('good');
    expect(outcome(['leaf'], ['3 1 1 commonName', '3 1 1 root'])).toMatch(/^tlsa-invalid: none of 2 /);
  });
});

describe('DANE-TA(2)', () => {
  const whole = ['leaf', 'intermediate', 'root'] as const;
  const expectations: [string, string, readonly Name[], readonly string[]][] = [
    ...['2 0 0', '2 0 1', '2 0 2', '2 1 0', '2 1 1', '2 1 2'].flatMap((fields): typeof expectations => [
      [`${fields} of the root`, 'good', whole, [`${fields} root`]],
      [`${fields} of an intermediate`, 'good', whole, [`${fields} intermediate`]],
      [
        `${fields} of an intermediate, and no root`,
        'good',
        ['leaf', 'intermediate'],
        [`${fields} intermediate`],
      ],
      [`${fields} of an authority of the same name`, 'tlsa-invalid', whole, [`${fields} otherRoot`]],
      [`${fields} of what is no authority`, 'tlsa-invalid', ['leaf', 'intermediate'], [`${fields} leaf`]],
    ]),
    [
      'sent in another order, with others',
      'good',
      ['leaf', 'otherRoot', 'root', 'intermediate'],
      ['2 0 1 root'],
    ],
    ['twice', 'good', ['leaf', 'intermediate', 'intermediate', 'root', 'root'], ['2 0 1 root']],
    ['a digest of a root that is not sent', 'tlsa-invalid', ['leaf', 'intermediate'], ['2 0 1 root']],
    ['a digest of a key that is not sent', 'tlsa-invalid', ['leaf', 'intermediate'], ['2 1 1 root']],
    ['a root that stands in the DNS', 'good', ['leaf', 'intermediate'], ['2 0 0 root']],
    ['a key that stands in the DNS', 'good', ['leaf', 'intermediate'], ['2 1 0 root']],
    ['a chain with a gap', 'tlsa-invalid', ['leaf', 'root'], ['2 0 1 root']],
    ['a chain whose gap the DNS fills', 'good', ['leaf', 'root'], ['2 0 1 root', '2 0 0 intermediate']],
    ['one that another key has signed', 'tlsa-invalid', ['commonName', 'otherRoot'], ['2 0 1 otherRoot']],
    ['a rollover', 'good', whole, ['2 0 1 otherRoot', '2 0 1 root']],
    ['beside an end entity that is another', 'good', whole, ['3 1 1 commonName', '2 0 1 root']],
    [
      'no authority in between',
      'certificate-not-trusted: CN=not looked at is no authority',
      ['belowLeaf', 'leaf', 'intermediate', 'root'],
      ['2 0 1 root'],
    ],
    [
      'an authority further below than allowed',
      'certificate-not-trusted: CN=intermediate allows no authority so far below it',
      ['belowTooLow', 'tooLow', 'intermediate', 'root'],
      ['2 0 1 root'],
    ],
    [
      'an anchor that allows no authority below it',
      'certificate-not-trusted: CN=intermediate allows no authority so far below it',
      ['belowTooLow', 'tooLow', 'intermediate'],
      ['2 0 1 intermediate'],
    ],
    ['an anchor below that', 'good', ['belowTooLow', 'tooLow', 'intermediate'], ['2 0 1 tooLow']],
    [
      'a certificate for clients',
      'certificate-not-trusted: CN=client is not for servers',
      ['forClients', 'root'],
      ['2 0 1 root'],
    ],
    ['a certificate for servers', 'good', ['forServers', 'root'], ['2 0 1 root']],
    [
      'an unknown critical extension',
      'certificate-not-trusted: CN=critical has a critical extension that is not known',
      ['critical', 'root'],
      ['2 0 1 root'],
    ],
    ['names within constraints', 'good', ['within', 'constrained', 'root'], ['2 0 1 root']],
    [
      'names outside of them',
      'certificate-not-trusted: CN=constrained may not issue for the names of a certificate',
      ['outside', 'constrained', 'root'],
      ['2 0 1 root'],
    ],
    [
      'names that are excluded',
      'certificate-not-trusted',
      ['excluded', 'constrained', 'root'],
      ['2 0 1 constrained'],
    ],
    [
      'names of a form that is constrained and not compared',
      'certificate-not-trusted',
      ['withAddress', 'constrained', 'root'],
      ['2 0 1 root'],
    ],
  ];

  // belowLeaf and the like are for mx.peer.test, or have been refused before names are looked at.
  it.each(expectations)('%s: %s', (_what, expected, sent, records) => {
    const result = outcome(sent, records);
    if (expected === 'good') expect(result).toBe('good');
    else expect(result.startsWith(expected), result).toBe(true);
  });

  it('a self-signed certificate is its own end entity, not its own anchor', () => {
    for (const record of ['2 0 1 root', '2 1 2 root', '2 0 0 root']) {
      expect(outcome(['root'], [record], ['root'])).toMatch(/^tlsa-invalid/);
      expect(outcome(['root', 'root'], [record], ['root'])).toMatch(/^tlsa-invalid/);
    }
  });

  it('asks for dates in which all of the chain is valid', () => {
    for (const now of [Date.parse('2020-01-01'), Date.parse('2300-01-01')]) {
      expect(outcome(whole, ['2 0 1 root'], MX, now)).toMatch(
        /^certificate-expired: CN=not looked at is valid from .*2026.* to .*2126/,
      );
    }
  });

  it.each<[Name, string, boolean]>([
    ['leaf', 'mx.peer.test', true],
    ['leaf', 'peer.test', false],
    ['leaf', 'a.mx.peer.test', false],
    ['leaf', 'a.wild.test', true],
    ['leaf', 'wild.test', false],
    ['leaf', 'a.b.wild.test', false],
    ['leaf', 'not looked at', false],
    ['commonName', 'mx.peer.test', true],
    ['commonName', 'other.test', false],
  ])('the certificate %s is for %s: %s', (name, reference, is) => {
    const sent: Name[] = name === 'leaf' ? [...whole] : [name, 'root'];
    expect(outcome(sent, ['2 0 1 root'], [reference]) === 'good').toBe(is);
    expect(outcome(sent, ['2 0 1 root'], ['elsewhere.test', reference]) === 'good').toBe(is);
  });

  it('says which names there are, and which were wanted', () => {
    expect(outcome(whole, ['2 0 1 root'], ['a.test', 'b.test'])).toBe(
      'certificate-host-mismatch: the certificate is for mx.peer.test, *.wild.test, not for a.test or b.test',
    );
  });

  it('ends with certificates that lead in circles', () => {
    const many = Array.from({ length: 30 }, () => 'root' as const);
    expect(outcome(['commonName', ...many], ['2 0 1 otherRoot'])).toMatch(/^tlsa-invalid/);
  });
});
