import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait.ts';
import { diskError, MemoryDisk } from '../../queue/testing/memory-disk.ts';
import { openIntake } from './testing/intake.ts';
import { bytesOf, googleReport, gzipped, microsoftReport } from './testing/reports.ts';

const about = (...domains: string[]) =>
  googleReport({
    policies: domains.map((domain, n) => ({
      policy: { 'policy-type': 'sts', 'policy-domain': domain },
      summary: { 'total-successful-session-count': 10 + n },
    })),
  });
const inRange = (start: string, end: string) =>
  googleReport({ 'date-range': { 'start-datetime': start, 'end-datetime': end } });

describe('a report that comes', () => {
  it('is kept, counted and told of', async () => {
    const { intake, store, counted, logged } = openIntake();
    const taken = await intake.take(async () => gzipped(microsoftReport()), 'mail');
    expect(taken).toEqual({ result: 'counted', text: 'it was counted' });
    expect(await store.entries(7)).toMatchObject([{ domain: 'ours.test', successful: 43, failed: 3 }]);
    expect(counted).toEqual([
      ...['sessions successful 43', 'sessions failed 3'],
      ...['failures validation-failure 2', 'failures certificate-expired 1', 'received mail counted'],
    ]);
    expect(logged).toEqual([
      {
        message: 'TLS report',
        fields: {
          ...{ via: 'mail', result: 'counted', organization: 'Microsoft Corporation' },
          ...{ reportId: '134089263281234567+ours.test', domains: { 'ours.test': 'counted' } },
          ...{ start: '2026-11-28T00:00:00.000Z', end: '2026-11-28T23:59:59.000Z' },
        },
      },
    ]);
  });

  it('again is counted once, by whichever way', async () => {
    const { intake, store, counted } = openIntake();
    await intake.take(async () => gzipped(googleReport()), 'mail');
    const again = await intake.take(async () => bytesOf(googleReport()), 'https');
    expect(again.result).toBe('duplicate');
    expect(await store.entries(7)).toHaveLength(1);
    expect(counted).toEqual([
      ...['sessions successful 773', 'sessions failed 0'],
      ...['received mail counted', 'received https duplicate'],
    ]);
  });

  it('counts though one for another day has come under its id', async () => {
    const { intake, store } = openIntake();
    await intake.take(async () => gzipped(inRange('2026-11-02T00:00:00Z', '2026-11-02T23:59:59Z')), 'https');
    expect((await intake.take(async () => gzipped(googleReport()), 'mail')).result).toBe('counted');
    expect(await store.entries(7)).toHaveLength(1);
  });

  it.each([
    ['of nobody', about('elsewhere.test')],
    ['of ours that asks for none', about('silent.test')],
    ['below one of ours', about('sub.ours.test')],
    ['with a name of the language', about('__proto__', 'constructor')],
  ])('about a domain %s is foreign, and changes nothing', async (_what, report) => {
    const { intake, disk, counted, logged } = openIntake();
    expect((await intake.take(async () => gzipped(report), 'mail')).result).toBe('foreign');
    expect(counted).toEqual(['received mail foreign']);
    expect(disk.steps).toEqual([]);
    expect(logged).toMatchObject([{ message: 'TLS report not counted', fields: { result: 'foreign' } }]);
  });

  it('about several domains counts for those of ours, aliases among them', async () => {
    const { intake, store, logged } = openIntake();
    const report = about('Alias.test', 'elsewhere.test', 'ours.test');
    expect((await intake.take(async () => gzipped(report), 'https')).result).toBe('counted');
    const kept = (await store.entries(7)).map(({ domain, successful }) => [domain, successful]);
    expect(kept.toSorted()).toEqual([
      ['alias.test', 10],
      ['ours.test', 12],
    ]);
    expect(logged[0]!.fields['domains']).toEqual({
      ...{ 'alias.test': 'counted', 'elsewhere.test': 'foreign', 'ours.test': 'counted' },
    });
  });

  it.each([
    ['2026-10-01T00:00:00Z', '2026-10-01T23:59:59Z', 'outOfRange'],
    ['2026-11-01T00:00:00Z', '2026-11-01T23:59:59Z', 'counted'],
    ['2026-11-30T00:00:00Z', '2026-12-01T00:00:00Z', 'counted'],
    ['2026-12-02T00:00:00Z', '2026-12-02T23:59:59Z', 'outOfRange'],
    ['9998-01-01T00:00:00Z', '9998-01-01T23:59:59Z', 'outOfRange'],
  ])('for %s to %s, today being 2026-11-30, is %s', async (start, end, result) => {
    const { intake } = openIntake();
    expect((await intake.take(async () => gzipped(inRange(start, end)), 'mail')).result).toBe(result);
  });

  it.each([
    ['no JSON', Buffer.from('hello'), 'invalid'],
    ['nothing', Buffer.alloc(0), 'invalid'],
    ['half a gzip', gzipped(googleReport()).subarray(0, 50), 'invalid'],
    ['a gzip of a gzip', gzipped('x').subarray(0, 10), 'invalid'],
    ['11 MiB', Buffer.alloc(11 * 1024 * 1024, ' '), 'tooLarge'],
  ])('as %s is refused, counted and told of', async (_what, bytes, result) => {
    const { intake, disk, counted, logged } = openIntake();
    expect((await intake.take(async () => bytes, 'https')).result).toBe(result);
    expect(counted).toEqual([`received https ${result}`]);
    expect(logged).toMatchObject([{ message: 'TLS report refused' }]);
    expect(disk.steps).toEqual([]);
  });

  it('has nothing in the log that would break a line of it', async () => {
    const { intake, logged } = openIntake();
    const report = {
      ...about('a\r\nb\u202e.test'),
      'organization-name': 'Evil\u001b[2J\r\n',
      'report-id': 'x\n'.repeat(400),
    };
    await intake.take(async () => bytesOf(report), 'mail');
    const text = JSON.stringify(logged);
    expect(text).not.toMatch(/\\[rn]|\\u00|\u202e/);
    expect(text.length).toBeLessThan(1000);
  });

  it('fails as the volume does, and is counted when it comes again', async () => {
    const { intake, disk, counted, store } = openIntake();
    disk.inject = (step) => (step.operation === 'link' ? diskError('EIO', step) : undefined);
    await expect(intake.take(async () => gzipped(googleReport()), 'mail')).rejects.toThrow('EIO');
    expect(counted).toEqual([]);
    disk.inject = () => undefined;
    expect((await intake.take(async () => gzipped(googleReport()), 'mail')).result).toBe('counted');
    expect(await store.entries(7)).toHaveLength(1);
  });

  it('is read after a pause, as long as the one before it took', async () => {
    const { intake, clock } = openIntake();
    const begun: number[] = [];
    const slow = async () => {
      begun.push(clock.monotonic());
      await clock.advance(300);
      return gzipped(googleReport());
    };
    const both = Promise.all([intake.take(slow, 'mail'), intake.take(slow, 'mail')]);
    await waitFor('the first', () => begun.length === 1);
    await clock.advance(299);
    expect(begun).toHaveLength(1);
    await waitFor('the second', async () => {
      await clock.advance(1);
      return begun.length === 2;
    });
    await both;
    expect(begun[1]! - begun[0]!).toBeGreaterThanOrEqual(599);
  });

  it('is read after a pause, however long the one before it took', async () => {
    const { intake, clock } = openIntake();
    const begun: number[] = [];
    const slow = async () => {
      begun.push(clock.monotonic());
      await clock.advance(20_000);
      return gzipped(googleReport());
    };
    const both = Promise.all([intake.take(slow, 'mail'), intake.take(slow, 'mail')]);
    await waitFor('the first', () => begun.length === 1);
    await clock.advance(19_999);
    expect(begun).toHaveLength(1);
    await waitFor('the second', async () => {
      await clock.advance(1);
      return begun.length === 2;
    });
    await both;
  });

  it('about many domains of ours counts for the first ten, and needs one listing', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `d${n}.test`);
    const { intake, store, disk, logged } = openIntake(new MemoryDisk(), names);
    let listed = 0;
    const list = disk.list.bind(disk);
    disk.list = (path) => {
      listed += 1;
      return list(path);
    };
    expect((await intake.take(async () => gzipped(about(...names)), 'https')).result).toBe('counted');
    expect(listed).toBe(1);
    expect(logged).toMatchObject([{ fields: { ignored: 290 } }]);
    expect((await store.entries(7)).map(({ domain }) => domain).toSorted()).toEqual(names.slice(0, 10));
  });

  it('is read when it is its turn', async () => {
    const { intake } = openIntake();
    let reading = 0;
    let most = 0;
    const source = async () => {
      reading += 1;
      most = Math.max(most, reading);
      await new Promise((resolve) => setImmediate(resolve));
      reading -= 1;
      return gzipped(googleReport());
    };
    const results = await Promise.all([1, 2, 3].map(() => intake.take(source, 'mail')));
    expect(most).toBe(1);
    expect(results.map(({ result }) => result)).toEqual(['counted', 'duplicate', 'duplicate']);
  });
});
