/**
 * Takes what came as a report, from whichever side: reads it, keeps what it says of domains of ours that ask for it, counts it and tells the
 * log. Whatever was sent is answered with what became of it; only a volume that fails rejects, with the disk's error: the same report
 * may come again. One is read after the other, with a pause as long as all of it took, so that a flood of them needs the memory of one,
 * and half of a processor at most.
 */
import type { Clock } from '../../clock.ts';
import { sanitize } from '../../deliver/reply.ts';
import type { AskedDomains } from './asked.ts';
import { KEPT_DAYS } from './bounds.ts';
import { byDomain, DAY_MS, type Entry, entryOf, identityOf, middleOf } from './entry.ts';
import type { TlsReport } from './parse.ts';
import { readReport } from './read.ts';
import { type ReportFault, ReportRefusal } from './refusal.ts';
import type { ReportStore } from './store.ts';

export type TakenResult =
  | 'counted'
  /** The same report has come before (RFC 8460 §5.3). */
  | 'duplicate'
  /** It is about no domain of ours, or about none that asks for reports. */
  | 'foreign'
  /** It is for a time that is not within the last 30 days. */
  | 'outOfRange'
  /** There are enough already for this domain and day, or it is about too many domains of ours. */
  | 'tooMany'
  | ReportFault;

export interface Taken {
  readonly result: TakenResult;
  /** A line for people. */
  readonly text: string;
}

/** What metrics are told. */
export interface ReportCounts {
  received(via: Entry['via'], result: TakenResult | 'unread'): void;
  /** Of a report that was counted. */
  sessions(result: 'successful' | 'failed', sessions: number): void;
  failures(resultType: string, sessions: number): void;
}

export interface IntakeDeps {
  readonly asked: () => AskedDomains;
  readonly store: Pick<ReportStore, 'put'>;
  readonly counts: ReportCounts;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void };
}

/** Clocks differ, and days end earlier elsewhere. */
const AHEAD_MS = DAY_MS;
/** What counts of a report with several policy domains: the first of these. */
const RANKED: readonly TakenResult[] = ['counted', 'duplicate', 'tooMany', 'outOfRange', 'foreign'];
/** Senders write a report for each domain; of one about more domains of ours the first count. So many are in a line of the log, too. */
const MOST_DOMAINS = 10;

export class ReportIntake {
  readonly #deps: IntakeDeps;
  #turn: Promise<unknown> = Promise.resolve();
  #pause: Promise<void> = Promise.resolve();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** There is no time for one more by mail. */
  skip(): void {
    this.#deps.counts.received('mail', 'unread');
  }

  /** @param source asked for its bytes when it is its turn; may reject with a `ReportRefusal` */
  take(source: () => Promise<Buffer>, via: Entry['via']): Promise<Taken> {
    const taken = this.#turn.then(async () => {
      const { clock } = this.#deps;
      const began = clock.monotonic();
      try {
        return await this.#take(source, via);
      } finally {
        const spent = clock.monotonic() - began;
        if (spent > 0) this.#pause = new Promise((resolve) => void clock.after(spent, resolve));
      }
    });
    this.#turn = taken.catch(() => {}).then(() => this.#pause);
    return taken;
  }

  async #take(source: () => Promise<Buffer>, via: Entry['via']): Promise<Taken> {
    const { counts, log } = this.#deps;
    try {
      const report = await readReport(await source());
      return await this.#keep(report, via);
    } catch (error) {
      if (!(error instanceof ReportRefusal)) throw error;
      counts.received(via, error.fault);
      log.info({ via, result: error.fault, why: error.message }, 'TLS report refused');
      return { result: error.fault, text: error.message };
    }
  }

  async #keep(report: TlsReport, via: Entry['via']): Promise<Taken> {
    const { counts, log, asked, clock } = this.#deps;
    const receivedAt = clock.now();
    const known = asked();
    const results = new Map<string, TakenResult>();
    const entries: Entry[] = [];
    for (const [domain, policies] of byDomain(report)) {
      const isOurs = known.has(domain);
      results.set(domain, isOurs ? 'tooMany' : 'foreign');
      if (isOurs && entries.length < MOST_DOMAINS) {
        entries.push(entryOf(report, domain, policies, { via, receivedAt }));
      }
    }
    await this.#put(report, entries, results);
    const result = RANKED.find((each) => [...results.values()].includes(each))!;
    counts.received(via, result);
    const organization = sanitize(report.organization, 100);
    const ignored = [...results.keys()].filter((domain) => known.has(domain)).length - entries.length;
    const named = [...results]
      .slice(0, MOST_DOMAINS)
      .map(([domain, became]) => [sanitize(domain, 253), became]);
    log.info(
      {
        ...{ via, result, organization, reportId: sanitize(report.id, 100) },
        ...{ start: iso(report.start), end: iso(report.end), domains: Object.fromEntries(named) },
        ...(ignored > 0 && { ignored }),
      },
      result === 'counted' ? 'TLS report' : 'TLS report not counted',
    );
    return { result, text: TEXTS[result as keyof typeof TEXTS] };
  }

  async #put(report: TlsReport, entries: readonly Entry[], results: Map<string, TakenResult>): Promise<void> {
    const { counts, store, clock } = this.#deps;
    const age = clock.now() - middleOf(report);
    if (age > KEPT_DAYS * DAY_MS || age < -AHEAD_MS) {
      for (const { domain } of entries) results.set(domain, 'outOfRange');
      return;
    }
    if (entries.length === 0) return;
    const items = entries.map((entry) => ({ entry, identity: identityOf(report, entry.domain) }));
    await store.put(items, (entry, put) => {
      results.set(entry.domain, put === 'kept' ? 'counted' : put);
      if (put !== 'kept') return;
      counts.sessions('successful', entry.successful);
      counts.sessions('failed', entry.failed);
      for (const { resultType, sessions } of entry.failures) counts.failures(resultType, sessions);
    });
  }
}

const TEXTS: Readonly<Record<Exclude<TakenResult, ReportFault>, string>> = {
  counted: 'it was counted',
  duplicate: 'it has been counted before',
  tooMany: 'there are enough for this domain and day, or it is about too many',
  outOfRange: 'it is for a time that is not within the last 30 days',
  foreign: 'it is about no domain that asks for reports here',
};

const iso = (time: number): string => new Date(time).toISOString();
