/**
 * Decides which job is tried when. Jobs wait in a heap until they are due, then in the queue of their destination
 * until it has room; destinations with work take turns, and within one, senders do.
 *
 * What it fails on: nothing. After each attempt it plans what the queue then has of the attempt's recipients, whatever
 * the attempt says of itself: no job is forgotten, and one that is as it was (the attempt rejected, by a defect of the
 * flow; or the lane was in doubt) waits before its next, so that it is not tried in a tight loop.
 */
import type { Clock } from '../clock.ts';
import type { Delivery } from '../config.ts';
import type { Job, Queue, QueueEntry, QueueId, StoredReply } from '../queue/types.ts';
import type { Random } from '../random.ts';
import type { DestinationKey } from '../route/types.ts';
import { retryDelay } from './backoff.ts';
import type { WorkerLoad } from './balance.ts';
import { DestinationQueue, type Work } from './destination.ts';
import { DueHeap } from './due-heap.ts';

/** What an attempt says about the destination, besides what it settled in the queue. */
export interface AttemptReport {
  /** `answered`: a host spoke to us; `unreachable`: none did; `untried`: the destination wasn't asked. */
  readonly destination: 'answered' | 'unreachable' | 'untried';
  readonly reply?: StoredReply;
  /** Resolves when the settlement is on stable storage; never rejects. */
  readonly stored: Promise<void>;
}

export interface SchedulerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly random: Random;
  readonly attempt: (work: Work) => Promise<AttemptReport>;
  /**
   * Ends what has been waiting for a destination that is down for longer than it may, and warns of delays.
   */
  readonly lapse: (work: Work, reply: StoredReply) => Promise<AttemptReport>;
  readonly delivery: () => Delivery;
  /** Attempts at once to one destination, of this process. */
  readonly perDestination: (key: DestinationKey) => number;
  readonly onDefect: (error: unknown) => void;
}

/**
 * Attempts in one process that are under way or not stored yet: bounds sockets, memory, and what a crash could repeat.
 */
const MAX_ACTIVE = 256;
/** Of these, attempts at destinations that haven't answered yet: dead ones take a timeout each, and must not take all. */
const MAX_ON_TRIAL = 128;
/** Destinations remembered to have answered when last used. */
const MOST_PROVEN = 4096;
/** The due times of retries are looked at no more often than this. */
const TICK_MS = 50;
/** What waits for a destination that is down is looked through no more often than this: it may be a million. */
const LAPSE_MS = 30_000;
const LAPSE_PORTION = 64;

export class Scheduler {
  readonly #options: SchedulerOptions;
  /** By wall clock. */
  readonly #waiting = new DueHeap<Work>();
  /** By monotonic clock. */
  readonly #probes = new DueHeap<{ dueAt: number; destination: DestinationQueue }>();
  readonly #destinations = new Map<DestinationKey, DestinationQueue>();
  /** Destinations with something ready and room for it, in turn order: those that answer, and those that may not. */
  readonly #runnable = { proven: new Set<DestinationQueue>(), onTrial: new Set<DestinationQueue>() };
  /** Keys of forgotten destinations that answered, the latest last. */
  readonly #proven = new Set<DestinationKey>();
  #onTrial = 0;
  #trialTurn = false;
  /** Recipients under way, by message and the first recipient of the job. */
  readonly #underWay = new Set<string>();
  /** Attempts whose outcome is not on stable storage yet: a crash now would repeat them. */
  #unstored = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopping = false;
  #idle: (() => void)[] = [];
  /** Lanes that are to be given away, and who waits for the last attempt of each. */
  #yielding: { readonly prefix: string; readonly resolve: () => void }[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
    options.queue.onArrival((entry) => this.add(entry, entry.jobs));
    options.queue.onYield((lane) => this.#quiet(lane));
  }

  /** Plans these jobs of a message; held ones are left alone. */
  add(entry: Pick<QueueEntry, 'id' | 'sender'>, jobs: readonly Job[]): void {
    for (const job of jobs) {
      if (!job.held) this.#plan({ id: entry.id, job, sender: entry.sender, dueAt: job.dueAt });
    }
    this.#pump();
  }

  /** Tries a destination at its next turn, however long it has been down. */
  wake(key: DestinationKey): void {
    this.wakeThose((each) => each === key);
  }

  /** As `wake`, for every destination that is down and that `which` names. */
  wakeThose(which: (key: DestinationKey) => boolean): void {
    for (const destination of this.#destinations.values()) {
      if (destination.failures === 0 || !which(destination.key)) continue;
      destination.wake();
      this.#offer(destination);
    }
    this.#pump();
  }

  isActive(id: QueueId, job: Job): boolean {
    return this.#underWay.has(keyOf(id, job));
  }

  /** Destinations that have been used since the start and still have work or are down. */
  destinations(): IterableIterator<DestinationQueue> {
    return this.#destinations.values();
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

  async #quiet(lane: string): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#yielding.push({ prefix: `${lane}-`, resolve });
      this.#ended();
    });
  }

  /** An attempt has ended: perhaps the last of a lane that waits for that. */
  #ended(): void {
    if (this.#yielding.length === 0) return;
    const waiting = this.#yielding;
    this.#yielding = waiting.filter(({ prefix, resolve }) => {
      for (const key of this.#underWay) if (key.startsWith(prefix)) return true;
      resolve();
      return false;
    });
  }

  #plan(work: Work): void {
    if (work.dueAt <= this.#options.clock.now()) this.#ready(work);
    else this.#waiting.push(work);
  }

  #ready(work: Work): void {
    const key = work.job.destination;
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = new DestinationQueue(key, this.#proven.delete(key));
      this.#destinations.set(key, destination);
    }
    destination.push(work);
    this.#offer(destination);
  }

  #offer(destination: DestinationQueue): void {
    const { clock, perDestination } = this.#options;
    if (!destination.runnable(clock.monotonic(), perDestination(destination.key))) return;
    const { proven, onTrial } = this.#runnable;
    (destination.proven ? onTrial : proven).delete(destination);
    (destination.proven ? proven : onTrial).add(destination);
  }

  /** The destination whose turn it is, taken out of its line. */
  #next(): DestinationQueue | undefined {
    const [proven] = this.#runnable.proven;
    const [onTrial] = this.#onTrial < MAX_ON_TRIAL ? this.#runnable.onTrial : [];
    this.#trialTurn = !this.#trialTurn;
    const next = this.#trialTurn ? (onTrial ?? proven) : (proven ?? onTrial);
    if (next !== undefined && !this.#runnable.proven.delete(next)) this.#runnable.onTrial.delete(next);
    return next;
  }

  #pump(): void {
    if (this.#stopping) return;
    const { clock, perDestination } = this.#options;
    while (this.#underWay.size + this.#unstored < MAX_ACTIVE) {
      const destination = this.#next();
      if (destination === undefined) break;
      if (!destination.runnable(clock.monotonic(), perDestination(destination.key))) continue;
      const work = this.#current(destination.shift()!);
      if (work !== undefined) this.#start(destination, work);
      this.#offer(destination);
      if (destination.ready === 0) this.#forget(destination);
    }
    this.#setTimer();
  }

  /**
   * The work as the queue has it now, or undefined where there is none left: a person, another attempt, or that its lane
   * is being given away, may have ended or changed it since it was planned, and what has changed is planned anew.
   */
  #current(work: Work): Work | undefined {
    if (this.isActive(work.id, work.job) || this.#options.queue.yielding(work.id)) return undefined;
    const job = this.#options.queue
      .entry(work.id)
      ?.jobs.find((each) => isSame(each, work.job) && each.held !== true);
    return job && { ...work, job };
  }

  #start(destination: DestinationQueue, work: Work): void {
    const onTrial = destination.proven ? 0 : 1;
    destination.active += 1;
    this.#onTrial += onTrial;
    this.#underWay.add(keyOf(work.id, work.job));
    this.#options
      .attempt(work)
      .catch((error: unknown) => this.#defect(error))
      .then((report) => {
        this.#onTrial -= onTrial;
        this.#finish(destination, work, report);
      })
      .catch(this.#options.onDefect);
  }

  #finish(destination: DestinationQueue, work: Work, report: AttemptReport): void {
    destination.active -= 1;
    this.#underWay.delete(keyOf(work.id, work.job));
    this.#ended();
    if (report.destination === 'answered') destination.answered();
    if (report.destination === 'unreachable' && report.reply !== undefined)
      this.#down(destination, report.reply);
    this.#offer(destination);
    if (destination.ready === 0) this.#forget(destination);
    this.#store(report).catch(this.#options.onDefect);
    this.#replan(work, this.#options.clock.now() + this.#wait(1));
    this.#pump();
  }

  #down(destination: DestinationQueue, reply: StoredReply): void {
    const now = this.#options.clock.monotonic();
    // Attempts that ran side by side fail together: that is one failure, not twenty.
    if (now >= destination.probeAt) {
      destination.unreachable(now + this.#wait(destination.failures + 1), reply);
      this.#probes.push({ dueAt: destination.probeAt, destination });
    }
    this.#lapse(destination, reply);
  }

  #wait(attempts: number): number {
    const { delivery, random } = this.#options;
    return retryDelay(delivery().retry, attempts, random.fraction());
  }

  /** Plans what the queue has now of this work's recipients; what is as it was, not before `again`. */
  #replan({ id, job: old, sender }: Work, again: number): void {
    const jobs = this.#options.queue.entry(id)?.jobs ?? [];
    if (jobs.length === 0) return;
    const tried = new Set(old.recipients);
    for (const job of jobs) {
      if (job.held || !job.recipients.some((recipient) => tried.has(recipient))) continue;
      this.#plan({ id, job, sender, dueAt: isSame(job, old) ? Math.max(job.dueAt, again) : job.dueAt });
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

  /** While a destination is down nobody tries what waits for it, so what is too old is ended here. */
  #lapse(destination: DestinationQueue, reply: StoredReply): void {
    const { clock, delivery, queue, onDefect } = this.#options;
    if (clock.monotonic() < destination.lapseAt) return;
    destination.lapseAt = clock.monotonic() + LAPSE_MS;
    const now = clock.now();
    const { lifetimeSeconds, bounceLifetimeSeconds, delayWarningSeconds } = delivery();
    const warnAfter = delayWarningSeconds === 0 ? Number.POSITIVE_INFINITY : delayWarningSeconds * 1000;
    const shortest = Math.min(lifetimeSeconds, bounceLifetimeSeconds) * 1000;
    const late = destination.withdraw((work) => {
      const entry = queue.entry(work.id);
      if (entry === undefined) return true;
      const age = now - entry.arrivedAt;
      return age >= shortest || (age >= warnAfter && work.job.delayWarned !== true);
    });
    const current = late.map((work) => this.#current(work)).filter((work) => work !== undefined);
    this.#lapseAll(current, reply).catch(onDefect);
  }

  /** In portions, each stored before the next: there may be a hundred thousand, and each may bring a bounce. */
  async #lapseAll(late: readonly Work[], reply: StoredReply): Promise<void> {
    for (let from = 0; from < late.length && !this.#stopping; from += LAPSE_PORTION) {
      const portion = late.slice(from, from + LAPSE_PORTION);
      for (const { id, job } of portion) this.#underWay.add(keyOf(id, job));
      await Promise.all(
        portion.map(async (work) => {
          const report = await this.#options.lapse(work, reply).catch((error) => this.#defect(error));
          this.#underWay.delete(keyOf(work.id, work.job));
          this.#ended();
          this.#replan(work, work.job.dueAt);
          await this.#store(report);
        }),
      );
    }
  }

  /** A destination that is up and has no work is not worth its memory. */
  #forget(destination: DestinationQueue): void {
    if (destination.active > 0 || destination.ready > 0 || destination.failures > 0) return;
    this.#drop(destination);
    if (!destination.proven) return;
    this.#proven.add(destination.key);
    if (this.#proven.size > MOST_PROVEN) this.#proven.delete(this.#proven.values().next().value!);
  }

  /** Another may have been made with its key since. */
  #drop(destination: DestinationQueue): void {
    if (this.#destinations.get(destination.key) === destination) this.#destinations.delete(destination.key);
  }

  /** One timer, for whichever comes first: the next job that is due or the next probe. */
  #setTimer(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const first = this.#waiting.peek();
    const due = first === undefined ? Number.POSITIVE_INFINITY : now + first.dueAt - clock.now();
    const at = Math.max(Math.min(due, this.#probes.peek()?.dueAt ?? Number.POSITIVE_INFINITY), now + TICK_MS);
    if (at >= this.#timerAt || at === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = clock.after(at - now, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#tick();
    });
  }

  #tick(): void {
    const { clock } = this.#options;
    const now = clock.now();
    for (let first = this.#waiting.peek(); first !== undefined && first.dueAt <= now; ) {
      this.#ready(this.#waiting.pop()!);
      first = this.#waiting.peek();
    }
    const monotonic = clock.monotonic();
    for (let probe = this.#probes.peek(); probe !== undefined && probe.dueAt <= monotonic; ) {
      const { destination } = this.#probes.pop()!;
      this.#offer(destination);
      // Nothing came for it while it was down: it is as good as a new one.
      if (destination.ready === 0 && destination.active === 0 && destination.probeAt <= monotonic) {
        this.#drop(destination);
      }
      probe = this.#probes.peek();
    }
    this.#pump();
  }
}

/** Whether these are one job, as far as trying it goes: the queue makes equal ones anew. */
function isSame(one: Job, other: Job): boolean {
  return (
    one.recipients[0] === other.recipients[0] &&
    one.attempts === other.attempts &&
    one.dueAt === other.dueAt &&
    one.destination === other.destination
  );
}

function keyOf(id: QueueId, job: Job): string {
  return `${id} ${job.recipients[0]}`;
}
