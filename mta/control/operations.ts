/**
 * What a person can see of the messages of one worker, and do to them. Counts come from the index alone; what shows
 * addresses reads the messages it shows, one after the other.
 */
import { changeJobs, falseIfGone, PORTION } from '../change-jobs.ts';
import { type Clock, turn } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import type { MailLog } from '../log/types.ts';
import type {
  Job,
  MessageHandle,
  Queue,
  QueueCounts,
  QueueEntry,
  QueueId,
  StoredMessage,
  StoredReply,
} from '../queue/types.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { MessageFilter, MessageSummary, QueueAction } from './types.ts';

/** Portions that wait for the disk together: they share its syncs. */
const PORTIONS_AT_ONCE = 8;
const MOST_DESTINATIONS = 1000;

export type RecipientState = 'due' | 'active' | 'deferred' | 'held';

/** How much one worker has in its charge. */
export interface WorkerTotals {
  readonly counts: QueueCounts;
  readonly recipients: Readonly<Record<RecipientState, number>>;
}

/** One worker's share of a `QueueSummary`; times in ms since the epoch. */
export interface WorkerSummary extends WorkerTotals {
  /** Its largest, at most 1,000. */
  readonly destinations: readonly WorkerDestination[];
}

export interface WorkerDestination {
  readonly destination: string;
  readonly messages: number;
  readonly active: number;
  readonly deferred: number;
  readonly backOffUntil?: number;
  readonly lastReply?: string;
}

export interface OperationsDeps {
  readonly queue: Queue;
  readonly scheduler: Scheduler;
  readonly log: MailLog;
  readonly clock: Clock;
}

/** Names a message: as a person does, or as a search does, which costs less. */
type Name = QueueId | MessageHandle;

/** Has a destination tried at its next turn. */
type Wake = (destination: string) => void;

export class Operations {
  readonly #deps: OperationsDeps;

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  /** What changes with each message is counted where it is kept; only what is under way is looked at here. */
  totals(): WorkerTotals {
    const { queue } = this.#deps;
    const recipients = { active: 0, ...queue.countRecipients(this.#now) };
    for (const { job, state } of this.#underWay()) {
      recipients[state] -= job.recipients.length;
      recipients.active += job.recipients.length;
    }
    return { counts: queue.counts(), recipients };
  }

  async summary(): Promise<WorkerSummary> {
    const { queue, scheduler, clock } = this.#deps;
    const counts = await queue.countDestinations(this.#now, MOST_DESTINATIONS);
    const underWay = new Map<string, { active: number; deferred: number }>();
    for (const { job, state } of this.#underWay()) {
      const seen = underWay.get(job.destination) ?? { active: 0, deferred: 0 };
      seen.active += 1;
      if (state === 'deferred') seen.deferred += 1;
      underWay.set(job.destination, seen);
    }
    const monotonic = clock.monotonic();
    const destinations = [...counts].map(([destination, count]) => {
      const { active = 0, deferred = 0 } = underWay.get(destination) ?? {};
      const live = scheduler.destination(destination);
      const wait = (live?.probeAt ?? 0) - monotonic;
      const reply = live?.lastReply ?? count.lastReply;
      return {
        destination,
        messages: count.jobs,
        active,
        deferred: Math.max(0, count.deferred - deferred),
        ...(wait > 0 ? { backOffUntil: clock.now() + wait } : {}),
        ...(reply === undefined ? {} : { lastReply: replyText(reply) }),
      };
    });
    return { ...this.totals(), destinations };
  }

  /** At most `filter.limit`, in no order that is promised. */
  async messages(filter: MessageFilter): Promise<MessageSummary[]> {
    const found: MessageSummary[] = [];
    for await (const message of this.#select(filter)) {
      found.push(this.#summaryOf(message));
      if (found.length >= filter.limit) break;
    }
    return found;
  }

  async message(id: QueueId): Promise<MessageSummary | undefined> {
    const message = await this.#deps.queue.read(id);
    return message === undefined ? undefined : this.#summaryOf(message);
  }

  /** The first `limit` bytes of the content. */
  async content(id: QueueId, limit: number): Promise<Buffer | undefined> {
    const message = await this.#deps.queue.read(id);
    if (message === undefined) return undefined;
    if (message.content.bytes !== undefined) return message.content.bytes.subarray(0, limit);
    const chunks: Buffer[] = [];
    let size = 0;
    const stream = message.content.stream();
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= limit) break;
    }
    return Buffer.concat(chunks).subarray(0, limit);
  }

  /**
   * Resolves with the number of messages that were changed, once that is on stable storage. What arrives meanwhile is
   * left alone.
   */
  async act(action: QueueAction, select: readonly QueueId[] | MessageFilter): Promise<number> {
    const limit = isFilter(select) ? select.limit : Number.POSITIVE_INFINITY;
    const wake = this.#wakeOnce();
    const portions: { readonly asked: number; readonly changed: Promise<number> }[] = [];
    let asked = 0;
    let changed = 0;
    const begin = (names: readonly Name[]): void => {
      const portion = { asked: names.length, changed: this.#actOnAll(action, names, wake) };
      // It is awaited in its turn, which may be after it has failed.
      portion.changed.catch(() => {});
      portions.push(portion);
      asked += portion.asked;
    };
    const finishOldest = async (): Promise<void> => {
      const oldest = portions.shift()!;
      changed += await oldest.changed;
      asked -= oldest.asked;
    };
    for await (const found of isFilter(select) ? this.#found(select) : [select]) {
      for (let left: readonly Name[] = found; left.length > 0 && changed < limit; ) {
        // Never more than are still wanted, should all of them be changed.
        const names = left.slice(0, Math.min(PORTION, limit - changed - asked));
        left = left.slice(names.length);
        if (names.length > 0) begin(names);
        await turn(this.#deps.clock);
        const isEnough = changed + asked >= limit;
        if (portions.length === PORTIONS_AT_ONCE || (isEnough && portions.length > 0)) await finishOldest();
      }
      if (changed >= limit) break;
    }
    while (portions.length > 0) await finishOldest();
    return changed;
  }

  async #actOnAll(action: QueueAction, names: readonly Name[], wake: Wake): Promise<number> {
    const results = await Promise.all(names.map((name) => this.#actOn(action, name, wake)));
    return results.filter((done) => done).length;
  }

  /** Of a destination that is down one message is tried at a time: to wake it for each of its messages would be a hammer. */
  #wakeOnce(): Wake {
    const woken = new Set<string>();
    return (destination) => {
      if (woken.has(destination)) return;
      woken.add(destination);
      this.#deps.scheduler.wake(destination);
    };
  }

  async #actOn(action: QueueAction, name: Name, wake: Wake): Promise<boolean> {
    const { queue } = this.#deps;
    const entry = typeof name === 'number' ? queue.at(name) : queue.entry(name);
    return entry !== undefined && this.#do(action, entry, wake).catch(falseIfGone);
  }

  async #do(action: QueueAction, entry: QueueEntry, wake: Wake): Promise<boolean> {
    const { id } = entry;
    switch (action) {
      case 'remove':
        return this.#remove(entry);
      case 'hold':
        return this.#change(entry, wake, (job) => (job.held ? undefined : { ...job, held: true }));
      case 'release':
        return this.#change(entry, wake, ({ held, ...job }) =>
          held ? { ...job, dueAt: this.#now } : undefined,
        );
      case 'retry':
        return this.#change(entry, wake, (job) =>
          job.held || this.#deps.scheduler.isActive(id, job) ? undefined : { ...job, dueAt: this.#now },
        );
    }
  }

  /** @param change the new job, or undefined where this one stays as it is */
  async #change(entry: QueueEntry, wake: Wake, change: (job: Job) => Job | undefined): Promise<boolean> {
    const { jobs, stored } = changeJobs(entry, change, this.#deps);
    for (const job of jobs) if (!job.held) wake(job.destination);
    return stored;
  }

  async #remove({ id, arrivedAt }: QueueEntry): Promise<boolean> {
    const { queue, log, clock } = this.#deps;
    // A message that can't be read any more must be possible to remove, of all messages.
    const envelope = (await this.#read(id))?.envelope;
    const jobs = queue.entry(id)?.jobs ?? [];
    if (jobs.length === 0) return false;
    const reply: StoredReply = { code: 554, enhanced: '5.7.0', text: 'Removed by an administrator' };
    await queue.settle(id, {
      ended: jobs.flatMap(({ recipients }) =>
        recipients.map((recipient) => ({ recipient, outcome: 'removed' as const, reply })),
      ),
      deferred: [],
    });
    for (const { recipients, destination, attempts } of jobs) {
      for (const recipient of recipients) {
        log.ended({
          id,
          from: envelope?.from ?? '',
          to: envelope?.recipients[recipient]?.address ?? '',
          destination,
          reply,
          delay: clock.now() - arrivedAt,
          attempts,
          outcome: 'removed',
        });
      }
    }
    return true;
  }

  /** Undefined also where the record is damaged: one such message must not hide the others. */
  async #read(id: QueueId): Promise<StoredMessage | undefined> {
    try {
      return await this.#deps.queue.read(id);
    } catch (error) {
      if (error instanceof PostriderError && error.code === 'QueueDamaged') return undefined;
      throw error;
    }
  }

  /** Messages that match; those that come later aren't among them. */
  async *#found(filter: MessageFilter): AsyncIterableIterator<readonly Name[]> {
    if (filter.from === undefined && filter.to === undefined) yield* this.#candidates(filter);
    else yield* this.#selected(filter);
  }

  /** Reads each message, as the filter asks for what the index doesn't know; no more of them than it may need. */
  async *#selected(filter: MessageFilter): AsyncIterableIterator<readonly QueueId[]> {
    let ids: QueueId[] = [];
    for await (const { id } of this.#select(filter)) {
      ids.push(id);
      if (ids.length < Math.min(PORTION, filter.limit)) continue;
      yield ids;
      ids = [];
    }
    yield ids;
  }

  /** Messages that match by what the index can tell. */
  async *#candidates({ destination, held }: MessageFilter): AsyncIterableIterator<readonly MessageHandle[]> {
    const { queue, clock } = this.#deps;
    for (const handles of queue.select({ destination, held })) {
      yield handles;
      await turn(clock);
    }
  }

  async *#select(filter: MessageFilter): AsyncIterableIterator<StoredMessage> {
    const from = filter.from?.toLowerCase();
    const to = filter.to?.toLowerCase();
    for await (const handles of this.#candidates(filter)) {
      for (const handle of handles) {
        const entry = this.#deps.queue.at(handle);
        const message = entry && (await this.#read(entry.id));
        if (message === undefined) continue;
        const { envelope } = message;
        if (from !== undefined && envelope.from.toLowerCase() !== from) continue;
        if (to !== undefined && !envelope.recipients.some(({ address }) => address.toLowerCase() === to))
          continue;
        yield message;
      }
    }
  }

  #summaryOf({ id, envelope, jobs, content }: StoredMessage): MessageSummary {
    return {
      id,
      from: envelope.from,
      size: content.size,
      arrivedAt: new Date(envelope.arrivedAt).toISOString(),
      ...(envelope.origin.user === undefined ? {} : { user: envelope.origin.user }),
      recipients: jobs.flatMap((job) => {
        const state = this.#stateOf(id, job);
        return job.recipients.map((recipient) => ({
          address: envelope.recipients[recipient]!.address,
          state,
          destination: job.destination,
          attempts: job.attempts,
          ...(state === 'deferred' ? { nextAttemptAt: new Date(job.dueAt).toISOString() } : {}),
          ...(job.lastReply === undefined ? {} : { lastReply: replyText(job.lastReply) }),
        }));
      }),
    };
  }

  #stateOf(id: QueueId, job: Job): RecipientState {
    return this.#deps.scheduler.isActive(id, job) ? 'active' : this.#waitingState(job);
  }

  #waitingState(job: Job): Exclude<RecipientState, 'active'> {
    if (job.held) return 'held';
    return job.dueAt <= this.#now ? 'due' : 'deferred';
  }

  /** Jobs that an attempt works on, as the queue has them now, and how they would stand without it. */
  *#underWay(): IterableIterator<{ job: Job; state: Exclude<RecipientState, 'active'> }> {
    const { queue, scheduler } = this.#deps;
    for (const work of scheduler.underWay()) {
      const [first] = work.job.recipients;
      const job = queue.entry(work.id)?.jobs.find(({ recipients }) => recipients[0] === first);
      if (job !== undefined) yield { job, state: this.#waitingState(job) };
    }
  }

  get #now(): number {
    return this.#deps.clock.now();
  }
}

function isFilter(select: readonly QueueId[] | MessageFilter): select is MessageFilter {
  return 'limit' in select;
}

function replyText({ code, enhanced, text, remote }: StoredReply): string {
  return `${remote === undefined ? '' : `${remote}: `}${code} ${enhanced} ${text}`;
}
