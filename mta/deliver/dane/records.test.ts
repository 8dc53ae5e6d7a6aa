import { describe, expect, it } from 'vitest';
import type { TlsaRecord } from '../../route/dns-answer.ts';
import { matches, usable } from './records.ts';
import { certificates } from './testing/certificates.ts';
import { tlsaOf } from './testing/records.ts';

const { leaf, root } = certificates;
const fieldsOf = ({ usage, selector, matchingType }: TlsaRecord) => `${usage} ${selector} ${matchingType}`;
const FIELDS = ['2', '3'].flatMap((usage) =>
  ['0', '1'].flatMap((selector) => ['0', '1', '2'].map((type) => `${usage} ${selector} ${type}`)),
);

describe('a record', () => {
  it.each(FIELDS)('%s is usable, matches its certificate, and no other', (fields) => {
    const record = tlsaOf(fields, leaf);
    expect(usable([record])).toEqual([record]);
    expect(matches(record, leaf)).toBe(true);
    expect(matches(record, root)).toBe(false);
  });

  const good = tlsaOf('3 1 1', leaf);
  it.each<[string, TlsaRecord]>([
    ['of usage PKIX-TA(0)', { ...good, usage: 0 }],
    ['of usage PKIX-EE(1)', { ...good, usage: 1 }],
    ['of usage PrivCert(255)', { ...good, usage: 255 }],
    ['of selector 2', { ...good, selector: 2 }],
    ['of matching type 3', { ...good, matchingType: 3 }],
    ['with a short digest', { ...good, data: good.data.slice(2) }],
    ['with a long digest', { ...good, data: `${good.data}00` }],
    ['with a digest of the other kind', { ...good, matchingType: 2 }],
    ['without data', { ...good, data: '' }],
    ['with what is no certificate', { ...tlsaOf('3 0 0', leaf), data: '3000' }],
    [
      'with a certificate that is cut',
      { ...tlsaOf('2 0 0', leaf), data: tlsaOf('2 0 0', leaf).data.slice(20) },
    ],
    ['with what is no key', { ...tlsaOf('3 1 0', leaf), data: '3000' }],
    ['with no data in full', { ...tlsaOf('3 0 0', leaf), data: '' }],
  ])('%s is not usable', (_what, record) => {
    expect(usable([record])).toEqual([]);
    expect(usable([record, good])).toEqual([good]);
  });
});

describe('of several digests of one usage and selector, the strongest count (RFC 7671 §9)', () => {
  it.each<[readonly string[], readonly string[]]>([
    [['3 1 1', '3 1 2'], ['3 1 2']],
    [
      ['3 1 1', '3 1 2', '3 1 0'],
      ['3 1 2', '3 1 0'],
    ],
    [
      ['3 1 1', '3 1 0'],
      ['3 1 1', '3 1 0'],
    ],
    [
      ['3 1 1', '3 0 2'],
      ['3 1 1', '3 0 2'],
    ],
    [
      ['2 1 1', '3 1 2'],
      ['2 1 1', '3 1 2'],
    ],
    [
      ['3 1 2', '3 1 2', '3 1 1'],
      ['3 1 2', '3 1 2'],
    ],
  ])('of %j: %j', (given, expected) => {
    expect(usable(given.map((fields) => tlsaOf(fields, leaf))).map(fieldsOf)).toEqual(expected);
  });

  it('a strong one that is malformed puts no weaker one aside', () => {
    const weak = tlsaOf('3 1 1', leaf);
    expect(usable([weak, { ...tlsaOf('3 1 2', leaf), data: 'ff' }])).toEqual([weak]);
  });
});
