import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { demandOf } from '../deliver/demand.ts';
import { hopTo } from '../deliver/testing/send.ts';
import { Wire } from '../fleet/testing/wire.ts';
import { MemoryDisk } from '../queue/testing/memory-disk.ts';
import { systemRandom } from '../random.ts';
import type { Report as Message } from '../reports/types.ts';
import type { Resolver } from '../route/resolver.ts';
import { testConfig, testPolicy } from '../route/testing/config.ts';
import { context, zoneResolver } from '../route/testing/zone.ts';
import { TestClock } from '../testing/test-clock.ts';
import { openTlsReports, passCountsOn, type TlsReports } from './open.ts';
import { answerCounts } from './pool-calls.ts';
import { LONGEST_MS } from './post.ts';
import { DAY_MS, dayOf, startOf } from './report.ts';
import { POOLED_MS } from './times.ts';

const REPORTS = { organization: 'Ours', contact: 'tls@ours.test' };
const ZONE = { '_smtp._tls.d.test': { txt: ['v=TLSRPTv1; rua=mailto:tls@d.test'] } };

const COUNTS = Buffer.from('{"format":1,"uncounted":0}\n');

const started: TlsReports[] = [];
const told: object[][] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  for (const warnings of told.splice(0)) expect(warnings).toEqual([]);
});

/** One pod after the other over one volume, each of which has one worker. */
function fleet(
  mode: 'Shared' | 'PerReplica',
  tlsReports: typeof REPORTS | null = REPORTS,
  resolver?: Resolver,
) {
  const clock = new TestClock();
  const messages: Message[] = [];
  const sent: string[] = [];
  const clocks = { trusted: true };
  const wire = new Wire();
  const warnings: object[] = [];
  told.push(warnings);
  const queue = { ...testConfig().queue, mode, path: '/q' };
  const config = testConfig({ queue, ...(tlsReports && { tlsReports }) });
  const pod = (member: string, disk = new MemoryDisk()): TlsReports => {
    const peer = wire.join(member);
    const reports = openTlsReports({
      ...{ member, calls: peer, disk, clock, random: systemRandom, config: () => config },
      context: () => ({ ...context(ZONE), ...(resolver && { resolver }) }),
      originate: async (message) => void messages.push(message),
      log: { info: () => {}, warn: (fields) => void warnings.push(fields) },
      onSent: (...event) => void sent.push(event.join(' ')),
      trusted: () => clocks.trusted,
    });
    answerCounts(peer, () => ({
      takeCounts: (day, writer, it) => reports.take(day, writer, Buffer.from(it)),
    }));
    reports.start(true);
    started.push(reports);
    return reports;
  };
  const hop = hopTo(25, { tls: testPolicy(), mxOf: 'd.test' });
  const session = { hop, demand: demandOf(hop), failure: undefined, from: undefined };
  const ids = () => messages.map(({ content }) => /Report-ID:\s+<([^>]*)>/.exec(content.toString())?.[1]);
  /** Sessions that each report tells of. */
  const sums = () => messages.map(({ content }) => sessionsIn(content.toString('latin1')));
  return {
    ...{ clock, clocks, wire, warnings, config, pod, session, messages, sent, ids, sums },
    twoDays: () => clock.advance(2 * DAY_MS),
  };
}

function sessionsIn(message: string): number {
  const gzip = /application\/tlsrpt\+gzip[\s\S]*?\r\n\r\n([A-Za-z0-9+/=\r\n]+)/.exec(message)![1]!;
  const report = JSON.parse(gunzipSync(Buffer.from(gzip, 'base64')).toString('utf8'));
  return report.policies[0].summary['total-successful-session-count'];
}

describe('TLS reports of a fleet', () => {
  it('are of what all pods have counted that see one volume, and come from the contact', async () => {
    const { pod, session, messages, sent, twoDays } = fleet('Shared');
    const disk = new MemoryDisk();
    for (const name of ['mta-0', 'mta-1']) pod(name, disk).session(session);
    await twoDays();
    expect(sent).toEqual(['mailto sent']);
    expect(messages[0]!.envelope).toMatchObject({ from: '', recipients: [{ address: 'tls@d.test' }] });
    expect(messages[0]!.content.toString()).toContain('From: <tls@ours.test>');
  });

  it('are neither counted nor sent without tlsReports', async () => {
    const { pod, session, sent, twoDays } = fleet('Shared', null);
    const disk = new MemoryDisk();
    const reports = pod('mta-0', disk);
    // Nobody even looks at it.
    reports.session({ ...session, hop: new Proxy(session.hop, { get: () => expect.fail() }) });
    reports.fetched({ domain: 'd.test', result: 'sts-webpki-invalid', cached: undefined, isReported: true });
    await twoDays();
    expect(sent).toEqual([]);
    expect(disk.steps).toEqual([]);
  });

  it('tell of fetches of policies that failed', async () => {
    const { pod, messages, twoDays } = fleet('Shared');
    pod('mta-0').fetched({
      domain: 'd.test',
      result: 'sts-policy-invalid',
      why: 'no mode',
      cached: undefined,
      isReported: true,
    });
    await twoDays();
    expect(messages).toHaveLength(1);
  });

  it('wait for a wall clock that is to be trusted', async () => {
    const { clocks, pod, session, sent, twoDays } = fleet('Shared');
    pod('mta-0').session(session);
    clocks.trusted = false;
    await twoDays();
    expect(sent).toEqual([]);
    clocks.trusted = true;
    await twoDays();
    expect(sent).toEqual(['mailto sent']);
  });

  it('are left to others by who leaves, who goes on counting', async () => {
    const { pod, session, sent, twoDays } = fleet('Shared');
    const disk = new MemoryDisk();
    const leaving = pod('mta-0', disk);
    await leaving.leave();
    leaving.session(session);
    await twoDays();
    expect(sent).toEqual([]);
    pod('mta-1', disk);
    await twoDays();
    expect(sent).toEqual(['mailto sent']);
  });

  it('that are on their way by HTTPS hold up nobody who leaves, and what else is due goes', async () => {
    const rua = 'rua=https://collector.test/,mailto:tls@d.test';
    const known = zoneResolver({ '_smtp._tls.d.test': { txt: [`v=TLSRPTv1; ${rua}`] } });
    const { promise: never } = Promise.withResolvers<never>();
    let isBegun = false;
    const resolver: Resolver = {
      ...known,
      lookup(name, type) {
        if (name !== 'collector.test') return known.lookup(name, type);
        isBegun = true;
        return never;
      },
    };
    const { clock, pod, session, sent } = fleet('Shared', REPORTS, resolver);
    const leaving = pod('mta-0');
    leaving.session(session);
    await clock.advance(startOf(dayOf(clock.now())) + DAY_MS - clock.now());
    // In steps that are shorter than a POST may take.
    for (let step = 0; step < 1000 && !isBegun; step++) await clock.advance(LONGEST_MS / 2);
    await leaving.leave();
    expect(sent.toSorted()).toEqual(['https later', 'mailto sent']);
  });
});

describe('counts of pods with volumes of their own', () => {
  it('come together in one report', async () => {
    const { pod, session, sums, twoDays } = fleet('PerReplica');
    const [first, second, third] = ['mta-0', 'mta-1', 'mta-10'].map((name) => pod(name));
    first!.session(session);
    for (const each of [second!, third!, third!]) each.session(session);
    await twoDays();
    expect(sums()).toEqual([4]);
  });

  it('come together where the first has none of its own', async () => {
    const { pod, session, sums, twoDays } = fleet('PerReplica');
    pod('mta-0');
    for (const name of ['mta-1', 'mta-2']) pod(name).session(session);
    await twoDays();
    expect(sums()).toEqual([2]);
  });

  it('count once where no answer came to who passed them on', async () => {
    const { wire, pod, session, sums, warnings, twoDays } = fleet('PerReplica');
    for (const name of ['mta-0', 'mta-1']) pod(name).session(session);
    let lost = 0;
    wire.onAnswer = () => {
      lost += 1;
      if (lost === 1) throw new Error('the connection broke');
    };
    await twoDays();
    expect(sums()).toEqual([2]);
    expect(lost).toBe(2);
    expect(warnings.splice(0)).toMatchObject([{ err: { message: 'the connection broke' } }]);
  });

  it('go out in reports with ids of their own where nobody takes them', async () => {
    const { wire, pod, session, ids, sums, warnings, twoDays } = fleet('PerReplica');
    for (const name of ['mta-0', 'mta-1']) pod(name).session(session);
    // It is of an older version.
    wire.members.get('mta-0')!.clear();
    await twoDays();
    expect(sums()).toEqual([1, 1]);
    expect(new Set(ids()).size).toBe(2);
    expect(warnings.splice(0)).toMatchObject([{ err: { code: 'NoSuchResource' } }]);
  });

  it('go to the first of those that live', async () => {
    const { wire, pod, session, sums, twoDays } = fleet('PerReplica');
    const pods = ['mta-0', 'mta-1', 'mta-2'].map((name) => pod(name));
    for (const each of pods) each.session(session);
    // Nobody hears it, nor it anybody.
    wire.members.delete('mta-0');
    pods[0]!.leave();
    await twoDays();
    expect(sums()).toEqual([2]);
  });

  it('are passed on when all are in, and also by a pod whose drain lasts over that time', async () => {
    const { clock, wire, pod, session, sums, twoDays } = fleet('PerReplica');
    pod('mta-0').session(session);
    const leaving = pod('mta-1');
    leaving.session(session);
    await leaving.leave();
    await clock.advance(startOf(dayOf(clock.now())) + DAY_MS + POOLED_MS - 1000 - clock.now());
    expect(wire.asked).toEqual([]);
    await twoDays();
    expect(wire.asked).toHaveLength(1);
    expect(sums()).toEqual([2]);
  });

  it('are not taken by who would not report on them', async () => {
    const { clock, clocks, config, pod } = fleet('PerReplica');
    const first = pod('mta-0');
    const take = () => first.take(dayOf(clock.now()), '0123456789abcdef', COUNTS);
    expect(await take()).toBe(true);
    clocks.trusted = false;
    expect(await take()).toBe(false);
    clocks.trusted = true;
    const { tlsReports } = config;
    delete config.tlsReports;
    expect(await take()).toBe(false);
    config.tlsReports = tlsReports;
    await first.leave();
    expect(await take()).toBe(false);
  });

  it('that are not what we write are not taken', async () => {
    const { clock, pod } = fleet('PerReplica');
    const first = pod('mta-0');
    for (const text of ['', '{"format":2}\n', `${COUNTS}{"domain":1}\n`, `${COUNTS}{"domain"`]) {
      expect(await first.take(dayOf(clock.now()), '0123456789abcdef', Buffer.from(text)), text).toBe(false);
    }
  });

  it('go to others with today’s, from a pod that goes for good', async () => {
    const { clock, wire, warnings, pod, session, sums, twoDays } = fleet('PerReplica');
    const disk = new MemoryDisk();
    pod('mta-0').session(session);
    const leaving = pod('mta-1', disk);
    leaving.session(session);
    await clock.advance(120_000);
    leaving.session(session);
    await leaving.stop();
    const log = { info: () => {}, warn: (fields: object) => void warnings.push(fields) };
    const supervisor = { clock, log, random: systemRandom, member: 'mta-1', calls: wire.join('mta-1') };
    await passCountsOn({ ...supervisor, disk, queuePath: '/q' });
    wire.members.delete('mta-1');
    expect(disk.steps.filter(({ operation }) => operation === 'unlink').length).toBeGreaterThan(0);
    await twoDays();
    expect(sums()).toEqual([3]);
  });
});
