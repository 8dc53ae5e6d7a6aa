/**
 * Decides which job is tried when. Jobs wait in a heap until they are due, then in the queue of their destination
 * until it has room; destinations with work take turns, and within one, senders do. What waits is a few numbers, as
 * there may be a million: the queue is asked for the job when its turn has come. What takes long with a million is done
 * in portions, between which the event loop turns.
 *
 * What it fails on: nothing. After each attempt it plans what the queue then has of the attempt's recipients, whatever
 * the attempt says of itself: no job is forgotten, and one that is as it was (the attempt rejected, by a defect of the
 * flow; or the lane was in doubt) waits before its next, so that it is not tried in a tight loop.
 */
import { turn } from '../clock.ts';
import type { Job, QueueEntry, QueueId, StoredReply } from '../queue/types.ts';
import type { DestinationKey } from '../route/types.ts';
import { longestDelay, retryDelay } from './backoff.ts';
import type { WorkerLoad } from './balance.ts';
import type { DestinationQueue, Work } from './destination.ts';
import { Destinations } from './destinations.ts';
import { DueHeap } from './due-heap.ts';
import { Lapses } from './lapses.ts';
import { isSame, type Plan, plannedJob } from './plan.ts';
import { type Turn, Turns } from './turns.ts';
import type { AttemptReport, DestinationNews, SchedulerOptions } from './types.ts';
import { UnderWay } from './under-way.ts';

/**
 * Attempts in one process that are under way or not stored yet: bounds sockets, memory, and what a crash could repeat.
 */
const MAX_ACTIVE = 256;
/** The due times of retries are looked at no more often than this. */
const TICK_MS = 50;
/** Plans, or destinations, looked at in one turn of the event loop: a few ms. */
const PORTION = 1000;

export class Scheduler {
  readonly #options: SchedulerOptions;
  /** By wall clock. */
  readonly #waiting = new DueHeap();
  /** By monotonic clock; keys are numbers of destinations. */
  readonly #probes = new DueHeap();
  readonly #destinations = new Destinations();
  readonly #turns = new Turns();
  /** Recipients under way, by message and the first recipient of the job. */
  readonly #underWay = new UnderWay();
  readonly #lapses: Lapses;
  /** Attempts whose outcome is not on stable storage yet: a crash now would repeat them. */
  #unstored = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #ticking = false;
  /** A pump has been asked for, for the next turn. */
  #pumping = false;
  #stopping = false;
  #idle: (() => void)[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#lapses = new Lapses(options, {
      underWay: this.#underWay,
      current: (plan, destination) => this.#current(plan, destination),
      ended: (work, report) => {
        this.#replan(work, work.job.dueAt);
        return this.#store(report);
      },
      defect: (error) => this.#defect(error),
      stopping: () => this.#stopping,
    });
    options.queue.onArrival((entry) => {
      this.#planAll(entry, entry.jobs);
      this.#pumpSoon();
    });
    options.room.onMore((key) => {
      const destination = this.#destinations.get(key);
      if (destination !== undefined && !this.#offer(destination)) this.#giveBack(destination);
      this.#pump();
    });
    options.queue.onYield((lane) => this.#underWay.quiet(lane));
  }

  /** Plans these jobs of a message; held ones are left alone. */
  add(entry: Pick<QueueEntry, 'handle' | 'sender'>, jobs: readonly Job[]): void {
    this.#planAll(entry, jobs);
    this.#pump();
  }

  /** Plans all jobs of these messages. */
  async addAll(entries: Iterable<QueueEntry>): Promise<void> {
    let planned = 0;
    for (const entry of entries) {
      this.add(entry, entry.jobs);
      planned += 1;
      if (planned % PORTION === 0) await turn(this.#options.clock);
    }
  }

  /** What another process has learnt of a destination: it needs no attempts of ours to find that out. */
  heard({ destination: key, down }: DestinationNews): void {
    if (down === undefined) {
      const destination = this.#destinations.get(key);
      if (destination === undefined || destination.failures === 0) return;
      destination.answered();
      this.#offer(destination);
    } else {
      const destination = this.#destinations.open(key);
      const { clock, delivery, onDefect } = this.#options;
      const probeAt = clock.monotonic() + Math.min(down.waitMs, longestDelay(delivery().retry));
      if (probeAt > destination.probeAt) {
        destination.unreachable(probeAt, down.reply);
        this.#probes.push({ dueAt: probeAt, key: destination.number, detail: 0 });
      }
      this.#giveBack(destination);
      this.#lapses.lookThrough(destination, down.reply).catch(onDefect);
    }
    this.#pump();
  }

  /** Tries a destination at its next turn, however long it has been down. */
  wake(key: DestinationKey): void {
    const destination = this.#destinations.get(key);
    if (destination !== undefined) this.#wake(destination);
    this.#pump();
  }

  /** As `wake`, for every destination that is down and that `which` names. */
  async wakeThose(which: (key: DestinationKey) => boolean): Promise<void> {
    let seen = 0;
    for (const destination of this.#destinations.values()) {
      if (destination.failures > 0 && which(destination.key)) this.#wake(destination);
      seen += 1;
      if (seen % PORTION === 0) await turn(this.#options.clock);
    }
    this.#pump();
  }

  /**
   * Tries a job out of its turn, over a connection that its owner has made, unless an attempt works on it or its lane is
   * being given away. Resolves with the end of the attempt.
   */
  async tryNow(work: Work, attempt: (work: Work) => Promise<AttemptReport>): Promise<void> {
    const { queue, clock } = this.#options;
    if (this.#stopping || this.isActive(work.id, work.job) || queue.yielding(work.id)) return;
    this.#underWay.began(work);
    const report = await attempt(work).catch((error: unknown) => this.#defect(error));
    this.#underWay.ended(work);
    this.#store(report).catch(this.#options.onDefect);
    this.#replan(work, clock.now() + this.#wait(1));
    this.#pump();
  }

  isActive(id: QueueId, job: Job): boolean {
    return this.#underWay.has(id, job);
  }

  /** Jobs that an attempt works on. */
  underWay(): IterableIterator<Work> {
    return this.#underWay.values();
  }

  destination(key: DestinationKey): DestinationQueue | undefined {
    return this.#destinations.get(key);
  }

  load(): Omit<WorkerLoad, 'worker'> {
    let ready = 0;
    for (const destination of this.#destinations.values()) {
      if (destination.failures === 0) ready += destination.ready;
    }
    return { ready, active: this.#underWay.size, capacity: MAX_ACTIVE };
  }

  /** Starts nothing new; resolves when the last attempt has ended and is stored. */
  drain(): Promise<void> {
    this.#stopping = true;
    this.#cancelTimer?.();
    if (this.#underWay.size === 0 && this.#unstored === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #planAll(entry: Pick<QueueEntry, 'handle' | 'sender'>, jobs: readonly Job[]): void {
    for (const job of jobs) if (!job.held) this.#plan(entry, job, job.dueAt);
  }

  #plan({ handle, sender }: Pick<QueueEntry, 'handle' | 'sender'>, job: Job, dueAt: number): void {
    const first = job.recipients[0]!;
    if (dueAt > this.#options.clock.now()) this.#waiting.push({ dueAt, key: handle, detail: first });
    else this.#ready({ message: handle, first, dueAt }, job, sender);
  }

  #ready(plan: Plan, job: Job, sender: string): void {
    const destination = this.#destinations.open(job.destination);
    destination.push(plan, sender, job);
    if (job.deliverBy !== undefined) this.#lapses.watch(plan, job.deliverBy);
    this.#offer(destination);
  }

  #wake(destination: DestinationQueue): void {
    if (destination.failures === 0) return;
    destination.wake();
    this.#offer(destination);
  }

  /** Puts it into its line; false where nothing of it could be tried now, whatever the room. */
  #offer(destination: DestinationQueue): boolean {
    const runnable = destination.runnable(this.#options.clock.monotonic(), Number.POSITIVE_INFINITY);
    if (runnable) this.#turns.offer(destination);
    return runnable;
  }

  /** Whether it may have another attempt now; where it may not, `onMore` brings it back into its line. */
  #runnable(destination: DestinationQueue): boolean {
    const now = this.#options.clock.monotonic();
    if (!destination.runnable(now, Number.POSITIVE_INFINITY)) return false;
    return destination.runnable(now, this.#ask(destination, destination.wanted));
  }

  #ask({ key, active, failures }: DestinationQueue, wanted: number): number {
    return this.#options.room.of({ key, active, wanted, down: failures > 0 });
  }

  /** What it no longer wants is for others. */
  #giveBack(destination: DestinationQueue): void {
    this.#ask(destination, destination.failures > 0 ? destination.active : destination.wanted);
  }

  /** With the next turn: who has just been taken from a client is answered before it is tried, and so are all of its group. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#options.clock.soon(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#stopping) return;
    for (let looked = 0; this.#underWay.size + this.#unstored < MAX_ACTIVE; looked += 1) {
      if (looked === PORTION) {
        // There may be a million: of a lane that was lost, that a person has changed, or without room.
        this.#pumpSoon();
        break;
      }
      const next = this.#turns.next();
      if (next === undefined) break;
      const { destination } = next;
      if (!this.#runnable(destination)) continue;
      const work = this.#current(destination.shift()!, destination.key);
      if (work !== undefined) this.#start(next, work);
      this.#offer(destination);
      if (work === undefined && destination.ready === 0) this.#giveBack(destination);
      if (destination.ready === 0) this.#destinations.forget(destination);
    }
    this.#setTimer();
  }

  /**
   * The work as the queue has it now, or undefined where there is none left: a person, another attempt, or that its lane
   * is being given away, may have ended or changed it since it was planned, and what has changed is planned anew.
   */
  #current(plan: Plan, key?: DestinationKey): Work | undefined {
    const { queue } = this.#options;
    const entry = queue.at(plan.message);
    const job = entry && plannedJob(plan, entry.jobs);
    if (entry === undefined || job === undefined || (key ?? job.destination) !== job.destination)
      return undefined;
    const { id } = entry;
    return this.isActive(id, job) || queue.yielding(id) ? undefined : { id, job };
  }

  #start(next: Turn, work: Work): void {
    const { destination } = next;
    destination.active += 1;
    this.#options.room.began(destination.key);
    this.#turns.began(next);
    this.#underWay.began(work);
    this.#options
      .attempt(work)
      .catch((error: unknown) => this.#defect(error))
      .then((report) => {
        this.#turns.ended(next);
        this.#finish(destination, work, report);
      })
      .catch(this.#options.onDefect);
  }

  #finish(destination: DestinationQueue, work: Work, report: AttemptReport): void {
    destination.active -= 1;
    this.#underWay.ended(work);
    if (report.destination === 'answered') {
      if (destination.failures > 0) this.#options.learnt({ destination: destination.key });
      destination.answered();
    }
    if (report.destination === 'unreachable' && report.reply !== undefined)
      this.#down(destination, report.reply, report.waitMs);
    this.#giveBack(destination);
    this.#offer(destination);
    if (destination.ready === 0) this.#destinations.forget(destination);
    this.#store(report).catch(this.#options.onDefect);
    this.#replan(work, this.#options.clock.now() + this.#wait(1));
    this.#pump();
  }

  #down(destination: DestinationQueue, reply: StoredReply, askedMs?: number): void {
    const now = this.#options.clock.monotonic();
    // Attempts that ran side by side fail together: that is one failure, not twenty.
    if (now >= destination.probeAt) {
      destination.unreachable(now + this.#wait(destination.failures + 1, askedMs), reply);
      this.#probes.push({ dueAt: destination.probeAt, key: destination.number, detail: 0 });
      const waitMs = destination.probeAt - now;
      this.#options.learnt({ destination: destination.key, down: { waitMs, reply } });
    }
    this.#lapses.lookThrough(destination, reply).catch(this.#options.onDefect);
  }

  #wait(attempts: number, askedMs?: number): number {
    const { delivery, random } = this.#options;
    return retryDelay(delivery().retry, attempts, random.fraction(), askedMs);
  }

  /** Plans what the queue has now of this work's recipients; what is as it was, not before `again`. */
  #replan({ id, job: old }: Work, again: number): void {
    const entry = this.#options.queue.entry(id);
    if (entry === undefined) return;
    const tried = new Set(old.recipients);
    for (const job of entry.jobs) {
      if (job.held || !job.recipients.some((recipient) => tried.has(recipient))) continue;
      this.#plan(entry, job, isSame(job, old) ? Math.max(job.dueAt, again) : job.dueAt);
    }
  }

  /** The destination has room again before the outcome is stored; the process as a whole only after. */
  async #store({ stored }: AttemptReport): Promise<void> {
    this.#unstored += 1;
    await stored.catch(this.#options.onDefect);
    this.#unstored -= 1;
    this.#pump();
    if (this.#underWay.size === 0 && this.#unstored === 0) for (const idle of this.#idle.splice(0)) idle();
  }

  /** Says nothing of the destination: a message that we can't read must not shut the way for others. */
  #defect(error: unknown): AttemptReport {
    this.#options.onDefect(error);
    return { destination: 'untried', stored: Promise.resolve() };
  }

  /** One timer, for whichever comes first: the next job that is due or the next probe. */
  #setTimer(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const due = now + Math.min(this.#waiting.dueAt, this.#lapses.deadline) - clock.now();
    const at = Math.max(Math.min(due, this.#probes.dueAt), now + TICK_MS);
    if (at >= this.#timerAt || at === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = clock.after(at - now, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#tick().catch(this.#options.onDefect);
    });
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    await this.#takeDue().finally(() => {
      this.#ticking = false;
    });
    this.#takeProbes();
    this.#pump();
    // Each waits for its disk: nothing else of the process waits for that.
    await this.#lapses.endOverdue();
    this.#pump();
  }

  /** A million may fall due at once. */
  async #takeDue(): Promise<void> {
    const { clock, queue } = this.#options;
    for (let taken = 1; this.#waiting.dueAt <= clock.now() && !this.#stopping; taken += 1) {
      const { dueAt, key: message, detail: first } = this.#waiting.pop()!;
      const plan = { message, first, dueAt };
      const entry = queue.at(message);
      const job = entry && plannedJob(plan, entry.jobs);
      if (job !== undefined) this.#ready(plan, job, entry!.sender);
      if (taken % PORTION !== 0) continue;
      this.#pump();
      await turn(clock);
    }
  }

  #takeProbes(): void {
    const now = this.#options.clock.monotonic();
    while (this.#probes.dueAt <= now) {
      const destination = this.#destinations.at(this.#probes.pop()!.key);
      if (destination === undefined) continue;
      this.#offer(destination);
      // Nothing came for it while it was down: it is as good as a new one.
      if (destination.ready === 0 && destination.active === 0 && destination.probeAt <= now) {
        this.#destinations.drop(destination);
      }
    }
  }
}
