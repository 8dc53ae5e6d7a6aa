import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../compile/types.ts';
import type { Fragment } from '../status/fragments.ts';
import { affected, keepSame } from './affected.ts';
import type { FleetState } from './fleet-state.ts';

const fragment = (revision: number): Fragment => ({ generation: 1, digest: 'd', revision });
const base = {
  specs: new Map([
    ['MailDomain/a/one', 'u 1'],
    ['MailDomain/a/two', 'u 1'],
    ['MailDomain/a/out', 'u 1'],
  ]),
  findings: new Map(),
  fragments: new Map([
    ['MailDomain/a/one', fragment(3)],
    ['MailDomain/a/two', fragment(7)],
  ]),
  records: new Map(),
  loaded: 5,
  isAsking: false,
  refusal: undefined,
} as unknown as FleetState;
const of = (before: FleetState | undefined, after: FleetState | undefined) =>
  [...affected(before, after)].map((id) => id.split('/').at(-1));
const found = (message: string): Diagnostic => ({
  resource: { kind: 'MailDomain', namespace: 'a', name: 'out' },
  ...{ condition: 'Accepted', status: 'False', reason: 'Invalid', message },
});

describe('whose status may be another', () => {
  it('is nobody, where nothing is', () => {
    expect(of(base, { ...base })).toEqual([]);
    expect(of(undefined, undefined)).toEqual([]);
  });

  it('are those whose records are others, not those whose records are the same', () => {
    const records = (value: string) =>
      new Map([['MailDomain/a/two', [{ name: 'a.test', type: 'TXT' as const, value }]]]);
    expect(of({ ...base, records: records('1') }, { ...base, records: records('2') })).toEqual(['two']);
    expect(of({ ...base, records: records('1') }, { ...base, records: records('1') })).toEqual([]);
    const reports = {
      lastReceived: '',
      window: '7d',
      successfulSessions: 1,
      failedSessions: 0,
      failures: [],
    } as const;
    const reported = { ...base, tlsReports: new Map([['MailDomain/a/two', reports]]) };
    expect(of(base, reported)).toEqual(['two']);
    expect(of(reported, { ...base, tlsReports: new Map(reported.tlsReports) })).toEqual([]);
  });

  it('are all, where the fleet was not known before, or is not any more', () => {
    expect(of(undefined, base)).toEqual(['one', 'two', 'out']);
    expect(of(base, undefined)).toEqual(['one', 'two', 'out']);
    expect(of({ ...base, isAsking: true }, base)).toEqual(['one', 'two', 'out']);
  });

  it('are none while pods are still asked', () => {
    expect(of(undefined, { ...base, isAsking: true })).toEqual([]);
  });

  it('are those of which pods have loaded more, or less', () => {
    expect(of(base, { ...base, loaded: 6 })).toEqual([]);
    expect(of(base, { ...base, loaded: 7 })).toEqual(['two']);
    expect(of(base, { ...base, loaded: 2 })).toEqual(['one']);
    expect(of(base, { ...base, loaded: undefined })).toEqual(['one', 'two']);
  });

  it('are those that wait for what is refused, and why', () => {
    const refusing = (reason: string) => ({ ...base, refusal: { pod: 'mta-0', revision: 7, reason } });
    expect(of(base, refusing('no'))).toEqual(['two']);
    expect(of(refusing('no'), refusing('never'))).toEqual(['two']);
    expect(of(refusing('no'), refusing('no'))).toEqual([]);
  });

  it('are those that are looked at anew, or of which something else was found', () => {
    const specs = new Map([...base.specs, ['MailDomain/a/out', 'u 2'] as const]);
    expect(of(base, { ...base, specs })).toEqual(['out']);
    expect(of(base, { ...base, findings: new Map([['MailDomain/a/out', [found('x')]]]) })).toEqual(['out']);
    expect(of({ ...base, specs }, { ...base, specs: new Map(base.specs) })).toEqual(['out']);
    const fewer = new Map([...base.specs].slice(1));
    expect(of(base, { ...base, specs: fewer })).toEqual(['one']);
  });
});

describe('what was found', () => {
  it('is the same list where it says the same', () => {
    const idOf = ({ resource }: Diagnostic) => resource.name;
    const before = keepSame(new Map(), [found('x')], idOf);
    expect(keepSame(before, [found('x')], idOf).get('out')).toBe(before.get('out'));
    expect(keepSame(before, [found('y')], idOf).get('out')).toEqual([found('y')]);
    expect(keepSame(before, [found('x'), found('y')], idOf).get('out')).toHaveLength(2);
    expect(keepSame(before, [], idOf).size).toBe(0);
  });
});
