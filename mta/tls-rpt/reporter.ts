/**
 * Sends the reports of days that are over: to each domain at a time of its own within some hours (RFC 8460 §4.1), and for a day again where it
 * could not be had, less and less often (§5.5). How far each one has come is on the volume, so that a restart sends none twice and forgets
 * none. What fails is told, and tried later; a report that can't be sent is given up, and with it no mail. Where somebody else reports for this
 * pod, its counts are passed on to them before.
 */
import type { Clock } from '../clock.ts';
import { around, type Random } from '../random.ts';
import type { DnsResult } from '../route/dns-answer.ts';
import { Allowance, hostOf } from './allowance.ts';
import type { Claims } from './claims.ts';
import type { Days, Progress, Stage } from './days.ts';
import { type Destination, destinationOf, readRecords } from './record.ts';
import { buildReport, DAY_MS, type Report, startOf, type Reporter as Who } from './report.ts';
import type { Tally } from './tally.ts';
import { dueAt, FIRST_MS, FIRST_PAUSE_MS, KEPT_MS, POOLED_MS, pauseAfter, TRIED_MS } from './times.ts';

/** What became of one report, at one place that it was for. */
export interface SentEvent {
  readonly domain: string;
  readonly day: string;
  readonly kind: Destination['kind'];
  readonly uri: string;
  readonly result: 'sent' | 'later' | 'failed';
  readonly why?: string;
}

export interface ReporterDeps {
  readonly days: Days;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether the wall clock is to be, at this moment: which days are over, and which are too old, goes by it. */
  readonly trusted: () => boolean;
  /** Given each day of which all counts are in, again and again until its reports begin: somebody else may report on what is counted here. */
  readonly passOn: (day: string) => Promise<void>;
  /** Who reports, by today's config; undefined where nobody does. */
  readonly who: () => Who | undefined;
  /** TXT records of a name. */
  readonly texts: (name: string) => Promise<DnsResult<'TXT'>>;
  /** Resolves when somebody else answers for it. */
  readonly send: (report: Report, to: Destination) => Promise<void>;
  readonly onSent: (event: SentEvent) => void;
  /** Told once of a day: a host that gets no further reports of it, of `MOST_REPORTS`; there may be others. */
  readonly onDropped: (day: string, host: string) => void;
  /** Told once of sessions of a day that reports leave out. */
  readonly onUncounted: (day: string, sessions: number) => void;
  readonly onError: (error: unknown) => void;
}

const TICK_MS = 60_000;
const SOON_MS = 100;
/** Work on one day, after which others have their turn, and those that are due are put in order anew. */
const TURN_MS = 4 * 60_000;
const AT_A_TIME = 8;
/** Between two beats of claims, beside one attempt: they are missed after `SILENCE_MS`. */
const BEAT_MS = 60_000;

/** A domain whose report isn't out yet. */
interface Waiting {
  dueAt: number;
  isTried: boolean;
  /** When its record was asked for first, and how often nobody could say. */
  askedAt?: number;
  unanswered: number;
  progress?: Progress;
}

interface OpenDay {
  readonly tally: Tally;
  readonly waiting: Map<string, Waiting>;
  readonly allowance: Allowance;
  hasDropped: boolean;
}

export class Reporter {
  readonly #deps: ReporterDeps;
  readonly #open = new Map<string, OpenDay>();
  #cancel: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;
  #isLeaving = false;
  #beatAt = 0;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#next(SOON_MS);
  }

  /** From now on reports are for others, or for later: resolves when none is under way any more. Counts are passed on still. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#working;
    await this.#deps.claims.giveUp().catch(this.#deps.onError);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.leave();
  }

  #next(ms: number): void {
    this.#cancel = this.#deps.clock.after(ms, () => {
      this.#working = this.tick()
        .catch((error: unknown) => {
          this.#deps.onError(error);
          return false;
        })
        .then((isMore) => {
          if (this.#stopped) return;
          this.#next(isMore ? SOON_MS : around(TICK_MS, this.#deps.random));
        });
    });
  }

  /** Resolves with whether there is more to do at once. */
  async tick(): Promise<boolean> {
    const { days, trusted, onError } = this.#deps;
    let isMore = false;
    for (const day of await days.list()) {
      // Of a day that isn't over half would go out, and days that nobody has sent would be removed.
      if (this.#stopped || !trusted()) return false;
      try {
        isMore = (await this.#turn(day)) || isMore;
      } catch (error) {
        // The others are none the worse for it.
        onError(error);
      }
    }
    return isMore;
  }

  async #turn(day: string): Promise<boolean> {
    const { days, claims, clock, passOn } = this.#deps;
    const who = this.#deps.who();
    const over = startOf(day) + DAY_MS;
    if (clock.now() >= over + KEPT_MS) {
      await days.remove(day);
      this.#forget(day);
    } else if (clock.now() < over + POOLED_MS || who === undefined) {
      return false;
    } else if (clock.now() < over + FIRST_MS) {
      await passOn(day);
    } else if (!this.#isLeaving) {
      if (await days.isFinished(day)) this.#forget(day);
      else if (await claims.hold(day)) return this.#work(day, who);
      else this.#open.delete(day);
    }
    return false;
  }

  #forget(day: string): void {
    this.#open.delete(day);
    this.#deps.claims.forget(day);
  }

  async #work(day: string, who: Who): Promise<boolean> {
    const { days, claims, clock, trusted } = this.#deps;
    const open = this.#open.get(day) ?? (await this.#begin(day, who));
    const { waiting } = open;
    const isDue = ([, each]: [string, Waiting]) => each.dueAt <= clock.now();
    const due = [...waiting]
      .filter(isDue)
      .sort(([, one], [, other]) => inTurn(one, other))
      .values();
    const until = clock.monotonic() + TURN_MS;
    // Whoever is slow holds up one of them, and nobody for longer than one attempt.
    const run = async () => {
      for (const [domain, each] of due) {
        if (this.#isLeaving || clock.monotonic() >= until || !claims.holds(day) || !trusted()) return;
        if (await this.#isDone(day, domain, open, each)) waiting.delete(domain);
        await this.#beat();
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, run));
    if (!claims.holds(day)) return false;
    if (waiting.size > 0) return [...waiting].some(isDue);
    await days.finish(day);
    this.#forget(day);
    return false;
  }

  async #begin(day: string, who: Who): Promise<OpenDay> {
    const { days, onUncounted } = this.#deps;
    const tally = await days.collect(day);
    const waiting = tally
      .domains()
      .map((domain): [string, Waiting] => [
        domain,
        { dueAt: dueAt(who, day, domain), isTried: false, unanswered: 0 },
      ]);
    const allowance = new Allowance();
    for (const { stages } of await days.allProgress(day)) {
      for (const { uri } of stages) {
        const to = destinationOf(uri);
        if (to !== undefined) allowance.takes(to);
      }
    }
    if (tally.uncounted > 0) onUncounted(day, tally.uncounted);
    const open = { tally, waiting: new Map(waiting), allowance, hasDropped: false };
    this.#open.set(day, open);
    return open;
  }

  /** Between domains, and not by a timer: who is stuck loses the days. */
  async #beat(): Promise<void> {
    const { claims, clock, onError } = this.#deps;
    if (clock.monotonic() < this.#beatAt + BEAT_MS) return;
    this.#beatAt = clock.monotonic();
    await claims.beat().catch(onError);
  }

  /** One attempt at all places that are due, at the same time: it takes as long as one of them. */
  async #isDone(day: string, domain: string, open: OpenDay, waiting: Waiting): Promise<boolean> {
    const { days, clock, onError } = this.#deps;
    const who = this.#deps.who();
    if (who === undefined) return false;
    waiting.isTried = true;
    try {
      waiting.progress ??=
        (await days.progress(day, domain)) ?? (await this.#look(day, domain, open, waiting));
      const { progress } = waiting;
      if (progress === undefined) return waiting.dueAt === Number.POSITIVE_INFINITY;
      const report = buildReport(who, day, domain, open.tally.policiesOf(domain));
      // One after the other: what is written last knows of all.
      let kept: Promise<void> = Promise.resolve();
      await Promise.all(
        progress.stages.map(async (stage, at) => {
          if (stage.done !== undefined || stage.nextAt > clock.now()) return;
          progress.stages[at] = await this.#attempt(report, stage, progress.firstAt);
          // Where it fails, what has been sent is known to this process at least.
          kept = kept.then(() => days.keepProgress(day, progress)).catch(onError);
        }),
      );
      await kept;
      waiting.dueAt = nextOf(progress);
    } catch (error) {
      onError(error);
      waiting.dueAt = clock.now() + FIRST_PAUSE_MS;
    }
    return waiting.dueAt === Number.POSITIVE_INFINITY;
  }

  /** Undefined where the domain wants no report, for which it is due never, or where nobody can say, for which it is due later. */
  async #look(day: string, domain: string, open: OpenDay, waiting: Waiting): Promise<Progress | undefined> {
    const { clock, random, texts } = this.#deps;
    const answer = await texts(`_smtp._tls.${domain}`);
    const now = clock.now();
    waiting.askedAt ??= now;
    if (answer.status === 'failed') {
      waiting.unanswered += 1;
      const next = now + pauseAfter(waiting.unanswered, random);
      waiting.dueAt = next - waiting.askedAt > TRIED_MS ? Number.POSITIVE_INFINITY : next;
      return undefined;
    }
    waiting.dueAt = Number.POSITIVE_INFINITY;
    const named = (answer.status === 'found' ? readRecords(answer.records) : undefined) ?? [];
    const places = named.filter((place) => this.#allows(day, open, place));
    if (places.length === 0) return undefined;
    return { domain, firstAt: now, stages: places.map(({ uri }) => ({ uri, attempts: 0, nextAt: now })) };
  }

  #allows(day: string, open: OpenDay, place: Destination): boolean {
    if (open.allowance.takes(place)) return true;
    if (!open.hasDropped) this.#deps.onDropped(day, hostOf(place));
    open.hasDropped = true;
    return false;
  }

  async #attempt(report: Report, stage: Stage, firstAt: number): Promise<Stage> {
    const { clock, random, send, onSent } = this.#deps;
    const { domain, day } = report;
    const { uri } = stage;
    const to = destinationOf(uri);
    // Written by another version.
    if (to === undefined) return { ...stage, done: 'failed' };
    const told = { domain, day, uri, kind: to.kind };
    try {
      await send(report, to);
      onSent({ ...told, result: 'sent' });
      return { ...stage, done: 'sent' };
    } catch (error) {
      const attempts = stage.attempts + 1;
      const nextAt = clock.now() + pauseAfter(attempts, random);
      const isOver = nextAt > firstAt + TRIED_MS;
      onSent({ ...told, result: isOver ? 'failed' : 'later', why: (error as Error).message });
      return isOver ? { ...stage, attempts, done: 'failed' } : { ...stage, attempts, nextAt };
    }
  }
}

/** Those whose time it is first, before those that it has come to nothing with: whoever is silent waits for others, and not they for it. */
const inTurn = (one: Waiting, other: Waiting): number =>
  Number(one.isTried) - Number(other.isTried) || one.dueAt - other.dueAt;

const nextOf = ({ stages }: Progress): number =>
  Math.min(...stages.map(({ done, nextAt }) => (done === undefined ? nextAt : Number.POSITIVE_INFINITY)));
