import { describe, expect, it } from 'vitest';
import type { TlsPolicy } from '../config.ts';
import { testPolicy } from '../route/testing/config.ts';
import type { Dane, Sts } from '../route/types.ts';
import { certificates } from './dane/testing/certificates.ts';
import { tlsaOf } from './dane/testing/records.ts';
import { demandOf, serverNameOf } from './demand.ts';

const endEntity = tlsaOf('3 1 1', certificates.leaf);
const anchor = tlsaOf('2 0 1', certificates.root);
const unusable = { ...endEntity, usage: 1 };
const references = ['mx.peer.test', 'peer.test'];

const found = (...records: (typeof endEntity)[]): Dane['tlsa'] => ({
  ...{ status: 'found', baseDomain: 'mx.peer.test', records, references },
});
const none: Dane['tlsa'] = { status: 'none', why: 'not signed' };
const failed: Dane['tlsa'] = { status: 'failed', why: 'SERVFAIL' };

const secure = (tlsa: Dane['tlsa']): Dane => ({ isNamedSecurely: true, tlsa });
const insecure = (tlsa: Dane['tlsa']): Dane => ({ isNamedSecurely: false, tlsa });
const tooMuch = (fault: string) => ({ asks: 'tooMuch', fault });
const tlsa = { asks: 'tlsa', records: [endEntity], references: [] };
const offered = { asks: 'whatIsOffered', orClear: true };

const demand = (mode: TlsPolicy['mode'], dane?: Dane, more = {}) =>
  demandOf({
    ...{ address: '192.0.2.1', implicitTls: false, tls: testPolicy({ mode, pins: ['pin'] }) },
    ...(dane && { dane }),
    ...more,
  });

describe('what a host is asked for', () => {
  it.each<[string, Dane | undefined, object, object]>([
    ['nobody has asked for TLSA records', undefined, tooMuch('dane-required'), offered],
    ['there are none', secure(none), tooMuch('dane-required'), offered],
    ['nobody can say', secure(failed), tooMuch('dnssec-invalid'), tooMuch('dnssec-invalid')],
    ['there is one', secure(found(endEntity)), tlsa, tlsa],
    ['there is one that can be used', secure(found(unusable, endEntity)), tlsa, tlsa],
    [
      'there are some that can not be used',
      secure(found(unusable)),
      tooMuch('tlsa-invalid'),
      { asks: 'encryption' },
    ],
    ['MX records are not signed, there are none', insecure(none), tooMuch('dane-required'), offered],
    [
      'MX records are not signed, nobody can say',
      insecure(failed),
      tooMuch('dnssec-invalid'),
      tooMuch('dnssec-invalid'),
    ],
    ['MX records are not signed, there is one', insecure(found(endEntity)), tooMuch('dane-required'), tlsa],
    [
      'MX records are not signed, there are such as can not be used',
      insecure(found(unusable)),
      tooMuch('dane-required'),
      { asks: 'encryption' },
    ],
    [
      'there is one of an authority',
      secure(found(anchor)),
      { asks: 'tlsa', records: [anchor], references },
      { asks: 'tlsa', records: [anchor], references },
    ],
  ])('where %s', (_what, dane, mandatory, opportunistic) => {
    expect(demand('dane', dane)).toMatchObject(mandatory);
    expect(demand('opportunistic', dane)).toMatchObject(opportunistic);
  });

  it.each<[TlsPolicy['mode'], object]>([
    ['none', { asks: 'clearText' }],
    ['required', { asks: 'encryption' }],
    ['verified', { asks: 'authority' }],
    ['pinned', { asks: 'pins', pins: ['pin'] }],
  ])('by mode %s is the policy’s alone to say', (mode, expected) => {
    for (const dane of [undefined, secure(failed), secure(found(endEntity)), secure(none)]) {
      expect(demand(mode, dane)).toEqual(expected);
    }
  });

  it('by mode opportunistic is no clear text with a password, at a TLS port, or by the policy’s word', () => {
    const auth = { username: 'app', password: 'secret' };
    expect(demand('opportunistic', undefined, { auth })).toEqual({ asks: 'encryption' });
    expect(demand('opportunistic', secure(none), { auth })).toEqual({ asks: 'encryption' });
    expect(demand('opportunistic', undefined, { auth, address: '127.0.0.1' })).toEqual(offered);
    const strict = { asks: 'whatIsOffered', orClear: false };
    expect(demand('opportunistic', undefined, { implicitTls: true })).toEqual(strict);
    expect(demand('opportunistic', undefined, { tls: testPolicy({ fallbackToClear: false }) })).toEqual(
      strict,
    );
  });
});

describe('by mode mtaSts (RFC 8461 §5)', () => {
  const sts = (mode: Sts['mode'], lists: boolean): Sts => ({ domain: 'd.test', mode, lists });
  const unlisted = {
    ...tooMuch('validation-failure'),
    why: 'the MTA-STS policy of d.test does not name this host',
  };

  it.each<[string, Sts | undefined, Dane | undefined, object]>([
    ['there is no policy', undefined, undefined, offered],
    ['one is tested', sts('testing', true), undefined, offered],
    ['one is tested that does not name the host', sts('testing', false), undefined, offered],
    ['one is enforced', sts('enforce', true), undefined, { asks: 'authority' }],
    ['one is enforced that does not name the host', sts('enforce', false), undefined, unlisted],
    // RFC 8461 §2: no policy overrides DANE.
    ['TLSA records are there besides', sts('enforce', true), secure(found(endEntity)), tlsa],
    ['TLSA records are there instead', undefined, secure(found(endEntity)), tlsa],
    ['nobody can say whether they are', sts('enforce', true), secure(failed), tooMuch('dnssec-invalid')],
    ['there are none', sts('enforce', true), secure(none), { asks: 'authority' }],
    [
      'there are some that can not be used',
      sts('enforce', true),
      secure(found(unusable)),
      { asks: 'authority' },
    ],
    ['and no policy, some that can not be used', undefined, secure(found(unusable)), { asks: 'encryption' }],
  ])('where %s', (_what, policy, dane, expected) => {
    expect(demand('mtaSts', dane, policy && { sts: policy })).toMatchObject(expected);
  });
});

it('the name in SNI is the TLSA base domain (RFC 7672 §8.1), else the host’s', () => {
  expect(serverNameOf({ host: 'alias.test', dane: secure(found(endEntity)) })).toBe('mx.peer.test');
  expect(serverNameOf({ host: 'alias.test', dane: secure(none) })).toBe('alias.test');
  expect(serverNameOf({ host: '192.0.2.1' })).toBeUndefined();
});

describe('where either DANE or MTA-STS is asked for', () => {
  const either = (dane: Dane, sts?: { mode: 'enforce' | 'testing'; lists: boolean }) =>
    demand('daneOrMtaSts', dane, sts && { sts: { domain: 'peer.test', ...sts } });
  const [listed, others] = [
    { mode: 'enforce', lists: true },
    { mode: 'enforce', lists: false },
  ] as const;

  it.each<[string, Dane, typeof listed | typeof others | undefined, object]>([
    ['records that can be used', secure(found(endEntity)), listed, tlsa],
    ['records, and no policy', secure(found(endEntity)), undefined, tlsa],
    ['no records, and a policy', secure(none), listed, { asks: 'authority' }],
    ['no records, and a policy that names others', secure(none), others, tooMuch('validation-failure')],
    ['neither', secure(none), undefined, tooMuch('dane-required')],
    ['records behind unsigned MX records, and a policy', insecure(found(endEntity)), listed, tlsa],
    ['records that can not be used, and a policy', secure(found(unusable)), listed, tooMuch('tlsa-invalid')],
    ['what nobody can say, and a policy', secure(failed), listed, tooMuch('dnssec-invalid')],
  ])('%s', (_what, dane, sts, expected) => {
    expect(either(dane, sts)).toMatchObject(expected);
  });

  it('a policy that is tested is none', () => {
    expect(either(secure(none), { mode: 'testing', lists: true })).toMatchObject(tooMuch('dane-required'));
  });
});

describe('with a wish for TLS (RFC 8689)', () => {
  const required = (mode: TlsPolicy['mode'], dane?: Dane) => demand(mode, dane, { wish: 'required' });

  it.each<[string, Dane | undefined, object]>([
    ['nobody has looked', undefined, tooMuch('validation-failure')],
    ['MX records are not signed', insecure(found(endEntity)), tooMuch('validation-failure')],
    ['there are no records', secure(none), { asks: 'authority' }],
    ['there is one', secure(found(endEntity)), tlsa],
    ['there are such as can not be used', secure(found(unusable)), { asks: 'authority' }],
    ['nobody can say', secure(failed), tooMuch('dnssec-invalid')],
  ])('required, and %s', (_what, dane, expected) => {
    for (const mode of ['none', 'opportunistic', 'required', 'verified'] as const) {
      expect(required(mode, dane)).toMatchObject(expected);
    }
  });

  it('required, an MTA-STS policy may name a host as well as DNSSEC, and one that is enforced and names others is kept', () => {
    const bySts = (lists: boolean, mode: 'enforce' | 'testing' = 'enforce', dane = insecure(none)) =>
      demand('opportunistic', dane, { wish: 'required', sts: { domain: 'peer.test', mode, lists } });
    expect(bySts(true)).toEqual({ asks: 'authority' });
    expect(bySts(true, 'testing')).toEqual({ asks: 'authority' });
    expect(bySts(false)).toMatchObject(tooMuch('validation-failure'));
    expect(bySts(false, 'enforce', secure(none))).toMatchObject(tooMuch('validation-failure'));
    expect(bySts(false, 'testing', secure(none))).toEqual({ asks: 'authority' });
  });

  it('required, what a policy asks for besides counts as well', () => {
    expect(required('pinned', insecure(none))).toEqual({ asks: 'pins', pins: ['pin'] });
    expect(required('dane', secure(none))).toMatchObject(tooMuch('dane-required'));
    expect(required('dane', secure(found(endEntity)))).toMatchObject(tlsa);
  });

  it('optional, TLSA records are no obstacle, and policies are', () => {
    const optional = (mode: TlsPolicy['mode']) => demand(mode, secure(failed), { wish: 'optional' });
    expect(optional('opportunistic')).toEqual(offered);
    expect(optional('required')).toEqual({ asks: 'encryption' });
    expect(optional('dane')).toMatchObject(tooMuch('dnssec-invalid'));
    expect(optional('mtaSts')).toEqual(offered);
  });

  it('optional, a policy of a domain is no obstacle, but where the fleet wants one or the other of all', () => {
    const optional = (mode: TlsPolicy['mode'], sts?: Sts) =>
      demand(mode, secure(none), { wish: 'optional', ...(sts && { sts }) });
    const enforced: Sts = { domain: 'peer.test', mode: 'enforce', lists: false };
    expect(optional('mtaSts', enforced)).toEqual(offered);
    expect(optional('daneOrMtaSts', enforced)).toMatchObject(tooMuch('validation-failure'));
    expect(optional('daneOrMtaSts', { ...enforced, lists: true })).toEqual({ asks: 'authority' });
    expect(optional('daneOrMtaSts')).toMatchObject(tooMuch('dane-required'));
  });
});
