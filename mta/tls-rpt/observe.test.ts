import { describe, expect, it } from 'vitest';
import { demandOf } from '../deliver/demand.ts';
import { hopTo } from '../deliver/testing/send.ts';
import { TlsFailure, type TlsFault } from '../deliver/tls-failure.ts';
import { compileEgress } from '../route/egress.ts';
import type { StsPolicy } from '../route/sts/policy.ts';
import { testPolicy } from '../route/testing/config.ts';
import type { Dane, NextHop } from '../route/types.ts';
import { fetchFailure, resultOf } from './observe.ts';

const egress = compileEgress([]);
const record = { usage: 3, selector: 1, matchingType: 1, data: 'ab'.repeat(32) };
const dane = (tlsa: Dane['tlsa']): Dane => ({ isNamedSecurely: true, tlsa });
const found = dane({ status: 'found', baseDomain: 'mx.d.test', records: [record], references: [] });
const useless = dane({
  status: 'found',
  baseDomain: 'mx.d.test',
  records: [{ ...record, usage: 0 }],
  references: [],
});
const failedLookup = dane({ status: 'failed', why: 'SERVFAIL' });
const noRecords = dane({ status: 'none', why: 'none' });
const stsPolicy: StsPolicy = { mode: 'testing', maxAge: 86_400, mx: ['*.d.test', 'mx.other.test'] };
const sts = { sts: { domain: 'd.test', mode: 'testing', lists: true }, stsPolicy } as const;
const enforced = { ...sts, sts: { ...sts.sts, mode: 'enforce' } } as const;

function counted(change: Partial<NextHop>, fault?: TlsFault, from: string | undefined = '198.51.100.1') {
  const hop = hopTo(25, { tls: testPolicy(), mxOf: 'd.test', host: 'mx.d.test', ...change });
  const failure = fault === undefined ? undefined : new TlsFailure(fault, 'so it is');
  return resultOf({ hop, demand: demandOf(hop), failure, from }, egress);
}

const mode = (of: NextHop['tls']['mode']) => ({ tls: testPolicy({ mode: of }) });

describe('what a session counts as', () => {
  it.each<[string, Partial<NextHop>, object]>([
    ['nothing', {}, { type: 'no-policy-found', domain: 'd.test', strings: [], mxHosts: [] }],
    [
      'TLSA records',
      { dane: found },
      { type: 'tlsa', domain: 'mx.d.test', strings: [`3 1 1 ${'ab'.repeat(32)}`], mxHosts: [] },
    ],
    ['TLSA records that can not be used', { dane: useless }, { type: 'tlsa', domain: 'mx.d.test' }],
    [
      'TLSA records that nobody can see',
      { dane: failedLookup },
      { type: 'tlsa', domain: 'mx.d.test', strings: [] },
    ],
    ['no TLSA records', { dane: noRecords }, { type: 'no-policy-found' }],
    [
      'no TLSA records, where there have to be some',
      { ...mode('dane'), dane: noRecords },
      { type: 'no-policy-found' },
    ],
    [
      'an MTA-STS policy',
      { ...mode('mtaSts'), ...sts },
      {
        type: 'sts',
        domain: 'd.test',
        strings: ['version: STSv1', 'mode: testing', 'mx: *.d.test', 'mx: mx.other.test', 'max_age: 86400'],
        mxHosts: ['*.d.test', 'mx.other.test'],
      },
    ],
    ['both, where one is tested', { ...mode('mtaSts'), ...sts, dane: found }, { type: 'tlsa' }],
    ['both, of which DANE comes first', { ...mode('mtaSts'), ...enforced, dane: found }, { type: 'tlsa' }],
    [
      'both, of which DANE leaves nothing to compare with',
      { ...mode('mtaSts'), ...enforced, dane: useless },
      { type: 'sts' },
    ],
  ])('is held against %s', (_what, change, policy) => {
    const result = counted(change);
    expect(result).toMatchObject({ domain: 'd.test', policy });
    expect(result?.failure).toBeUndefined();
  });

  it.each<[string, Partial<NextHop>]>([
    ['a host that config names', { mxOf: undefined as never }],
    ['TLS that our policy does without', mode('none')],
  ])('is nothing, for %s', (_what, change) => {
    const hop = hopTo(25, { tls: testPolicy(), mxOf: 'd.test', ...change });
    const failure = new TlsFailure('validation-failure', 'so it is');
    expect(resultOf({ hop, demand: demandOf(hop), failure, from: undefined }, egress)).toBeUndefined();
  });

  it.each<[string, Partial<NextHop>]>([
    ['TLSA records', { dane: found }],
    ['an MTA-STS policy', { ...mode('mtaSts'), ...sts }],
  ])('is held against one and the same object for the same %s', (_what, change) => {
    expect(counted(change)?.policy).toBe(counted(change)?.policy);
  });

  it('is held against a policy of its own domain, where records or policies are shared', () => {
    for (const mxOf of ['d.test', 'other.test', 'd.test'])
      expect(counted({ ...mode('mtaSts'), ...sts, mxOf })?.policy.domain).toBe(mxOf);
  });

  it('is a failure with what is known of it', () => {
    expect(counted({ address: '192.0.2.1' }, 'certificate-expired')?.failure).toEqual({
      ...{ result: 'certificate-expired', host: 'mx.d.test', receivingIp: '192.0.2.1' },
      ...{ sendingIp: '198.51.100.1', reason: 'so it is' },
    });
  });

  it.each(['10.1.2.3', '127.0.0.1', undefined])('says no address of ours that means nothing: %s', (from) => {
    const hop = hopTo(25, { tls: testPolicy(), mxOf: 'd.test' });
    const failure = new TlsFailure('validation-failure', 'so it is');
    const result = resultOf({ hop, demand: demandOf(hop), failure, from }, egress);
    expect(result?.failure?.sendingIp).toBeUndefined();
    expect(result?.failure?.receivingIp).toBe('127.0.0.1');
  });

  it('has a bounded reason', () => {
    const hop = hopTo(25, { tls: testPolicy(), mxOf: 'd.test' });
    const failure = new TlsFailure('validation-failure', 'x'.repeat(1000));
    const result = resultOf({ hop, demand: demandOf(hop), failure, from: undefined }, egress);
    expect(result?.failure?.reason).toBe('x'.repeat(200));
  });
});

describe('a fetch of a policy', () => {
  it('that failed is a failed session, of a policy that is not known', () => {
    const event = {
      domain: 'd.test',
      result: 'sts-webpki-invalid',
      why: 'expired',
      cached: undefined,
      isReported: true,
    } as const;
    expect(fetchFailure(event)).toEqual({
      domain: 'd.test',
      policy: { type: 'sts', domain: 'd.test', strings: [], mxHosts: [] },
      failure: { result: 'sts-webpki-invalid', reason: 'expired' },
    });
  });

  it('that went well is nothing, and so is one for mail that nobody hears of', () => {
    const event = { domain: 'd.test', cached: undefined, isReported: true } as const;
    expect(fetchFailure({ ...event, result: 'ok' })).toBeUndefined();
    expect(fetchFailure({ ...event, result: 'sts-policy-invalid', isReported: false })).toBeUndefined();
  });
});
