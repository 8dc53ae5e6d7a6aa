import { describe, expect, it } from 'vitest';
import { type DnsRecord, MOST_RECORDS } from '../../crds/status.ts';
import type { Tlsa } from '../compile/key-rollover.ts';
import { daneVerdict, listedIn, recordsFrom } from './dane.ts';

const NOW = Date.parse('2026-11-30T12:00:00.400Z');
const HOUR = 3_600_000;
const record = (name: string, value = '3 1 1 aa'): DnsRecord => ({ name, type: 'TLSA', value });
const [a, b] = [record('_25._tcp.a.test'), record('_25._tcp.b.test')];
const tlsa = (more: Partial<Tlsa> = {}): Tlsa => ({
  ...{ isWanted: true, records: [a, b], waiting: [], early: [], next: undefined },
  ...more,
});
const waits = { listener: 'smtp', id: 'Secret/mail/mx/tls.crt', isEarly: false, records: [a, b] };

describe('the records of a status', () => {
  it('keep the time at which they were first there', () => {
    const before = [{ ...a, since: '2026-11-01T00:00:00Z' }];
    expect(recordsFrom(tlsa(), before, true, NOW)).toEqual([
      { ...a, since: '2026-11-01T00:00:00Z' },
      { ...b, since: '2026-11-30T12:00:00Z' },
    ]);
  });

  it('are those of before, too, until every pod has loaded the config without them', () => {
    const gone = { ...record('_25._tcp.a.test', '3 1 1 00'), since: '2026-11-01T00:00:00Z' };
    const names = (isLoaded: boolean) => recordsFrom(tlsa(), [gone], isLoaded, NOW).map(({ value }) => value);
    expect(names(false)).toEqual(['3 1 1 00', '3 1 1 aa', '3 1 1 aa']);
    expect(names(true)).toEqual(['3 1 1 aa', '3 1 1 aa']);
  });

  it('are never more than there is room for, nor fewer than are needed', () => {
    const old = Array.from({ length: MOST_RECORDS }, (_, i) => record(`_25._tcp.${i}.test`));
    const records = recordsFrom(tlsa(), old, false, NOW);
    expect(records).toHaveLength(MOST_RECORDS);
    expect(records.map(({ name }) => name)).toEqual(expect.arrayContaining([a.name, b.name]));
  });

  it('are none where there is no status', () => {
    expect(listedIn(undefined)).toEqual([]);
    expect(listedIn({})).toEqual([]);
  });
});

describe('DANEReady', () => {
  it('is there where somebody asks for records', () => {
    expect(daneVerdict(tlsa({ isWanted: false }))).toBeUndefined();
    expect(daneVerdict(tlsa())).toMatchObject({
      status: 'True',
      message: expect.stringContaining('2 records'),
    });
  });

  it('tells of the first key that waits, and how many there are', () => {
    const waiting = [
      { ...waits, until: NOW + 2 * HOUR },
      { ...waits, listener: 'other', id: 'Secret/mail/second/tls.crt', until: NOW + HOUR },
    ];
    expect(daneVerdict(tlsa({ waiting }))).toEqual({
      ...{ status: 'False', reason: 'KeyWaits' },
      message:
        'Secret second of listener other has a new key, which is used from 2026-11-30T13:00:00Z on, when its records have been listed for tls.dane.lead: publish _25._tcp.a.test TLSA 3 1 1 aa (and 1 more) beside what there is; 1 more waits',
    });
  });

  it('tells first of a key that is used too early', () => {
    const early = [{ listener: 'smtp', record: b, until: NOW + HOUR }];
    const { reason, message } = daneVerdict(tlsa({ early, waiting: [{ ...waits, until: NOW }] }))!;
    expect(reason).toBe('KeyUsedEarly');
    expect(message).toContain('_25._tcp.b.test TLSA 3 1 1 aa now; until 2026-11-30T13:00:00Z');
  });
});
