/**
 * What a person can see of the messages of one worker, and do to them. Counts come from the index alone; what shows
 * addresses reads the messages it shows, one after the other.
 */
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import type { MailLog } from '../log/types.ts';
import type {
  Job,
  Queue,
  QueueCounts,
  QueueEntry,
  QueueId,
  StoredMessage,
  StoredReply,
} from '../queue/types.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { MessageFilter, MessageSummary, QueueAction } from './types.ts';

/** Messages that are changed side by side. */
const PORTION = 256;

export type RecipientState = 'due' | 'active' | 'deferred' | 'held';

/** One worker's share of a `QueueSummary`; times in ms since the epoch. */
export interface WorkerSummary {
  readonly counts: QueueCounts;
  readonly recipients: Readonly<Record<RecipientState, number>>;
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

export class Operations {
  readonly #deps: OperationsDeps;

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  summary(): WorkerSummary {
    const { queue, scheduler, clock } = this.#deps;
    const recipients = { due: 0, active: 0, deferred: 0, held: 0 };
    const destinations = new Map<string, { messages: number; active: number; deferred: number; job: Job }>();
    for (const entry of queue.entries()) {
      for (const job of entry.jobs) {
        const state = this.#stateOf(entry.id, job);
        recipients[state] += job.recipients.length;
        const seen = destinations.get(job.destination) ?? { messages: 0, active: 0, deferred: 0, job };
        seen.messages += 1;
        if (state === 'active') seen.active += 1;
        if (state === 'deferred') seen.deferred += 1;
        if (job.lastReply !== undefined) seen.job = job;
        destinations.set(job.destination, seen);
      }
    }
    const monotonic = clock.monotonic();
    return {
      counts: queue.counts(),
      recipients,
      destinations: [...destinations].map(([destination, { messages, active, deferred, job }]) => {
        const live = scheduler.destination(destination);
        const wait = (live?.probeAt ?? 0) - monotonic;
        const reply = live?.lastReply ?? job.lastReply;
        return {
          destination,
          messages,
          active,
          deferred,
          ...(wait > 0 ? { backOffUntil: clock.now() + wait } : {}),
          ...(reply === undefined ? {} : { lastReply: replyText(reply) }),
        };
      }),
    };
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
    let changed = 0;
    let portion: QueueId[] = [];
    const actOnPortion = async () => {
      const results = await Promise.all(portion.map((id) => this.#actOn(action, id)));
      changed += results.filter((done) => done).length;
      portion = [];
    };
    for await (const id of isFilter(select) ? this.#idsOf(select) : select) {
      portion.push(id);
      // Those of a portion share their syncs; never more than are still wanted.
      if (portion.length >= Math.min(PORTION, limit - changed)) await actOnPortion();
      if (changed >= limit) break;
    }
    await actOnPortion();
    return changed;
  }

  async #actOn(action: QueueAction, id: QueueId): Promise<boolean> {
    const entry = this.#deps.queue.entry(id);
    if (entry === undefined) return false;
    try {
      return await this.#do(action, entry);
    } catch (error) {
      // It has ended in the meantime.
      if (error instanceof PostriderError && error.code === 'NoSuchMessage') return false;
      throw error;
    }
  }

  async #do(action: QueueAction, entry: QueueEntry): Promise<boolean> {
    const { id } = entry;
    switch (action) {
      case 'remove':
        return this.#remove(entry);
      case 'hold':
        return this.#change(entry, (job) => (job.held ? undefined : { ...job, held: true }));
      case 'release':
        return this.#change(entry, ({ held, ...job }) => (held ? { ...job, dueAt: this.#now } : undefined));
      case 'retry':
        return this.#change(entry, (job) =>
          job.held || this.#deps.scheduler.isActive(id, job) ? undefined : { ...job, dueAt: this.#now },
        );
    }
  }

  /** @param change the new job, or undefined where this one stays as it is */
  async #change(entry: QueueEntry, change: (job: Job) => Job | undefined): Promise<boolean> {
    const { queue, scheduler } = this.#deps;
    const deferred = entry.jobs.map(change).filter((job) => job !== undefined);
    if (deferred.length === 0) return false;
    // The index has changed at once, and with it the plan: the disk may be long in coming.
    const stored = queue.settle(entry.id, { ended: [], deferred });
    scheduler.add(entry, deferred);
    for (const job of deferred) if (!job.held) scheduler.wake(job.destination);
    await stored;
    return true;
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

  /** Messages that match by what the index can tell, of this moment. */
  #candidates(filter: MessageFilter): QueueId[] {
    const found: QueueId[] = [];
    for (const { id, jobs } of this.#deps.queue.entries()) {
      if (jobs.some((job) => matchesJob(job, filter))) found.push(id);
    }
    return found;
  }

  /** Reads only where the filter asks for what the index doesn't know. */
  async *#idsOf(filter: MessageFilter): AsyncIterableIterator<QueueId> {
    if (filter.from === undefined && filter.to === undefined) yield* this.#candidates(filter);
    else for await (const { id } of this.#select(filter)) yield id;
  }

  async *#select(filter: MessageFilter): AsyncIterableIterator<StoredMessage> {
    const from = filter.from?.toLowerCase();
    const to = filter.to?.toLowerCase();
    for (const id of this.#candidates(filter)) {
      const message = await this.#read(id);
      if (message === undefined) continue;
      const { envelope } = message;
      if (from !== undefined && envelope.from.toLowerCase() !== from) continue;
      if (to !== undefined && !envelope.recipients.some(({ address }) => address.toLowerCase() === to))
        continue;
      yield message;
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
    if (this.#deps.scheduler.isActive(id, job)) return 'active';
    if (job.held) return 'held';
    return job.dueAt <= this.#now ? 'due' : 'deferred';
  }

  get #now(): number {
    return this.#deps.clock.now();
  }
}

function matchesJob(job: Job, { destination, held }: MessageFilter): boolean {
  if (destination !== undefined && job.destination !== destination) return false;
  return held === undefined || (job.held === true) === held;
}

function isFilter(select: readonly QueueId[] | MessageFilter): select is MessageFilter {
  return 'limit' in select;
}

function replyText({ code, enhanced, text, remote }: StoredReply): string {
  return `${remote === undefined ? '' : `${remote}: `}${code} ${enhanced} ${text}`;
}
