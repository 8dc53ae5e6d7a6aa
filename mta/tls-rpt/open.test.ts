import { afterEach, describe, expect, it } from 'vitest';
import { demandOf } from '../deliver/demand.ts';
import { hopTo } from '../deliver/testing/send.ts';
import { MemoryDisk } from '../queue/testing/memory-disk.ts';
import { systemRandom } from '../random.ts';
import type { Report as Message } from '../reports/types.ts';
import type { Resolver } from '../route/resolver.ts';
import { testConfig, testPolicy } from '../route/testing/config.ts';
import { context, zoneResolver } from '../route/testing/zone.ts';
import { TestClock } from '../testing/test-clock.ts';
import { openTlsReports, type TlsReports } from './open.ts';
import { LONGEST_MS } from './post.ts';
import { DAY_MS, dayOf, startOf } from './report.ts';

const REPORTS = { organization: 'Ours', contact: 'tls@ours.test' };
const ZONE = { '_smtp._tls.d.test': { txt: ['v=TLSRPTv1; rua=mailto:tls@d.test'] } };

const started: TlsReports[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
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
  const queue = { ...testConfig().queue, mode, path: '/q' };
  const config = testConfig({ queue, ...(tlsReports && { tlsReports }) });
  const pod = (member: string, disk = new MemoryDisk()): TlsReports => {
    const reports = openTlsReports({
      ...{ member, disk, clock, random: systemRandom, config: () => config },
      context: () => ({ ...context(ZONE), ...(resolver && { resolver }) }),
      originate: async (message) => void messages.push(message),
      log: { info: () => {}, warn: (fields) => expect.fail(JSON.stringify(fields)) },
      onSent: (...event) => void sent.push(event.join(' ')),
      trusted: () => clocks.trusted,
    });
    reports.start(true);
    started.push(reports);
    return reports;
  };
  const hop = hopTo(25, { tls: testPolicy(), mxOf: 'd.test' });
  const session = { hop, demand: demandOf(hop), failure: undefined, from: undefined };
  const ids = () => messages.map(({ content }) => /Report-ID:\s+<([^>]*)>/.exec(content.toString())?.[1]);
  return { clock, clocks, pod, session, messages, sent, ids, twoDays: () => clock.advance(2 * DAY_MS) };
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

  it('of pods with volumes of their own are several, with ids of their own', async () => {
    const { pod, session, ids, twoDays } = fleet('PerReplica');
    for (const name of ['mta-0', 'mta-1']) pod(name).session(session);
    await twoDays();
    expect(ids()).toHaveLength(2);
    expect(new Set(ids()).size).toBe(2);
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
