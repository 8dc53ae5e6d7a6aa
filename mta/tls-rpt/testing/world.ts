/** For tests of the reporter: a volume that several processes see, domains that ask for reports, and places that get them. */
import type { Clock } from '../../clock.ts';
import { MemoryDisk } from '../../queue/testing/memory-disk.ts';
import { systemRandom } from '../../random.ts';
import type { DnsResult } from '../../route/dns-answer.ts';
import { ClockWatch } from '../../schedule/clock-watch.ts';
import { TestClock } from '../../testing/test-clock.ts';
import { Claims } from '../claims.ts';
import { Days } from '../days.ts';
import { DAY_MS, dayOf, type Report, startOf, type Reporter as Who } from '../report.ts';
import { Reporter, type SentEvent } from '../reporter.ts';
import { Tally } from '../tally.ts';

const WRITER = '0123456789abcdef';
/** As long as a place that says nothing is waited for. */
export const SILENT_MS = 60_000;
const found = (...records: string[]): DnsResult<'TXT'> => ({
  ...{ status: 'found', records, ttl: 60, authenticated: false, name: '' },
});
const NONE: DnsResult<'TXT'> = { status: 'noData', ttl: 60, authenticated: false, name: '' };
export const rua = (...uris: string[]) => found(`v=TLSRPTv1; rua=${uris.join(',')}`);

const WHO: Who = {
  ...{ organization: 'Ours', contact: 'tls@ours.test' },
  ...{ hostname: 'mx.ours.test', source: 'mail/mta' },
};

export interface Sent {
  readonly at: number;
  readonly who: string;
  readonly report: Report;
  readonly uri: string;
}

/** A volume that several processes see, and a world of domains. */
export function world(
  records: Readonly<Record<string, () => DnsResult<'TXT'>>>,
  identity: Partial<Who> = {},
) {
  const state = {
    jumpMs: 0,
    reports: true,
    fails: (_uri: string): boolean => false,
    isSilent: (_uri: string): boolean => false,
  };
  const steady = new TestClock();
  const clock: Clock & Pick<TestClock, 'advance'> = {
    now: () => steady.now() + state.jumpMs,
    monotonic: () => steady.monotonic(),
    after: (ms, callback) => steady.after(ms, callback),
    soon: (callback) => steady.soon(callback),
    advance: (ms) => steady.advance(ms),
  };
  const disk = new MemoryDisk();
  const sent: Sent[] = [];
  const events: SentEvent[] = [];
  const errors: unknown[] = [];
  const asked: string[] = [];
  const dropped: string[] = [];
  const running: Reporter[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const days = new Days({ path: '/q.tls-rpt', disk, clock, random: systemRandom, onError });
  const process = (name: string): Reporter => {
    const watch = new ClockWatch(clock, () => {});
    const reporter = new Reporter({
      ...{ days, clock, random: systemRandom, onError },
      claims: new Claims(days, clock, name),
      passOn: async () => {},
      trusted: () => watch.trusted(),
      who: () => (state.reports ? { ...WHO, ...identity } : undefined),
      async texts(asks) {
        asked.push(asks);
        return records[asks.replace('_smtp._tls.', '')]?.() ?? NONE;
      },
      async send(report, { uri }) {
        if (state.isSilent(uri)) await new Promise<void>((resolve) => clock.after(SILENT_MS, resolve));
        if (state.isSilent(uri) || state.fails(uri)) throw new Error('not now');
        sent.push({ at: clock.now(), who: name, report, uri });
      },
      onSent: (event) => void events.push(event),
      onDropped: (day, host) => void dropped.push(`${day} ${host}`),
      onUncounted: () => {},
    });
    reporter.start();
    running.push(reporter);
    return reporter;
  };
  return {
    ...{ clock, disk, days, sent, events, errors, asked, dropped, running, process, state },
    /** Counts of today, as one process has written them. */
    async count(...domains: string[]): Promise<string> {
      const tally = new Tally();
      for (const domain of domains) {
        tally.count(domain, { type: 'no-policy-found', domain, strings: [], mxHosts: [] }, 1, []);
      }
      const day = dayOf(clock.now());
      await days.write(day, WRITER, tally);
      return day;
    },
    /** To a time after the end of a day. */
    until: (day: string, ms: number) => clock.advance(startOf(day) + DAY_MS + ms - clock.now()),
  };
}
