/**
 * The jobs of a lane's messages as rows of numbers, in lists: an object for each would take ten times the memory, and
 * keep the garbage collector busy. What many jobs share (destination, recipient list, reply) is kept once.
 */
import { Column, Rows } from '../compact/columns.ts';
import { Interner } from '../compact/interner.ts';
import type { Job, RecipientCounts, StoredReply } from './types.ts';

/** What is found out of the jobs for one destination. */
export interface DestinationTally {
  deferred: number;
  lastReply?: StoredReply;
}

/** A list of jobs: 0 where it is empty, else the row of its first one plus 1. */
export type JobList = number;

const HELD = 1;
const DELAY_WARNED = 2;
/** The five bits above these are the priority, as a number with a sign. */
const PRIORITY_SHIFT = 3;
/** Rows that are counted in one step: a millisecond or two. */
const STEP = 1 << 16;

export class JobTable {
  readonly #dueAt = Column.float64();
  readonly #destination = Column.uint32();
  readonly #recipients = Column.uint32();
  readonly #recipientCount = Column.uint32();
  readonly #attempts = Column.uint32();
  readonly #flags = Column.uint8();
  /** Id of the reply plus 1; 0 is none. */
  readonly #reply = Column.uint32();
  readonly #next = Column.uint32();
  readonly #rows = new Rows([
    this.#dueAt,
    this.#destination,
    this.#recipients,
    this.#recipientCount,
    this.#attempts,
    this.#flags,
    this.#reply,
    this.#next,
  ]);
  /** By row. Few jobs have one. */
  readonly #deliverBy = new Map<number, number>();
  readonly #destinations = new Interner();
  readonly #recipientLists = new Interner();
  readonly #replies = new Interner();
  /** The reply that was looked at last, in both forms: jobs that are looked at together often share one. */
  #last: { readonly packed: string; readonly reply: StoredReply } | undefined;

  /** Keeps these jobs, in this order. */
  add(jobs: readonly Job[]): JobList {
    let list: JobList = 0;
    for (let i = jobs.length - 1; i >= 0; i -= 1) list = this.#add(jobs[i]!, list);
    return list;
  }

  remove(list: JobList): void {
    for (let link = list; link !== 0; ) {
      const row = link - 1;
      link = this.#next.get(row);
      this.#destinations.release(this.#destination.get(row));
      this.#recipientLists.release(this.#recipients.get(row));
      const reply = this.#reply.get(row);
      if (reply !== 0) this.#replies.release(reply - 1);
      this.#deliverBy.delete(row);
      // Rows that nobody has count no recipients.
      this.#recipientCount.set(row, 0);
      this.#rows.give(row);
    }
  }

  read(list: JobList): Job[] {
    const jobs: Job[] = [];
    for (let link = list; link !== 0; link = this.#next.get(link - 1)) jobs.push(this.#job(link - 1));
    return jobs;
  }

  /** Whether any of these jobs is for `destination`, and held or not held; what is undefined may be anything. */
  matches(list: JobList, destination: string | undefined, held: boolean | undefined): boolean {
    const wanted = destination === undefined ? undefined : this.#destinations.find(destination);
    if (destination !== undefined && wanted === undefined) return false;
    for (let link = list; link !== 0; link = this.#next.get(link - 1)) {
      const isHeld = (this.#flags.get(link - 1) & HELD) !== 0;
      if (wanted !== undefined && this.#destination.get(link - 1) !== wanted) continue;
      if (held === undefined || isHeld === held) return true;
    }
    return false;
  }

  /** Adds up all recipients by how they stand at `now`, ms since the epoch. */
  countRecipients(now: number, counts: RecipientCounts): void {
    for (let row = 0; row < this.#rows.end; row += 1) {
      const recipients = this.#recipientCount.get(row);
      if ((this.#flags.get(row) & HELD) !== 0) counts.held += recipients;
      else if (this.#dueAt.get(row) > now) counts.deferred += recipients;
      else counts.due += recipients;
    }
  }

  /** Destinations with the number of their jobs. */
  destinations(): IterableIterator<[destination: string, jobs: number]> {
    return this.#destinations.uses();
  }

  /**
   * Adds what is known of the jobs for these destinations to their tallies, in steps, as there may be a million jobs. The
   * table may change between two steps: such a job may be counted as it was, as it is, or both.
   */
  *tally(now: number, tallies: ReadonlyMap<string, DestinationTally>): IterableIterator<void> {
    for (let from = 0; from < this.#rows.end; from += STEP) {
      this.#tallyRows(from, Math.min(from + STEP, this.#rows.end), now, this.#byId(tallies));
      yield;
    }
  }

  #tallyRows(from: number, to: number, now: number, byId: readonly (DestinationTally | undefined)[]): void {
    for (let row = from; row < to; row += 1) {
      if (this.#recipientCount.get(row) === 0) continue;
      const tally = byId[this.#destination.get(row)];
      if (tally === undefined) continue;
      const isHeld = (this.#flags.get(row) & HELD) !== 0;
      if (!isHeld && this.#dueAt.get(row) > now) tally.deferred += 1;
      const reply = this.#reply.get(row);
      if (reply !== 0) tally.lastReply ??= this.#replyOf(reply - 1);
    }
  }

  /** Ids may have changed hands since they were last looked up. */
  #byId(tallies: ReadonlyMap<string, DestinationTally>): (DestinationTally | undefined)[] {
    const byId = new Array<DestinationTally | undefined>(this.#destinations.end).fill(undefined);
    for (const [destination, tally] of tallies) {
      const id = this.#destinations.find(destination);
      if (id !== undefined) byId[id] = tally;
    }
    return byId;
  }

  #add(job: Job, next: JobList): JobList {
    const row = this.#rows.take();
    this.#dueAt.set(row, job.dueAt);
    this.#destination.set(row, this.#destinations.use(job.destination));
    this.#recipients.set(row, this.#recipientLists.use(job.recipients.join()));
    this.#recipientCount.set(row, job.recipients.length);
    this.#attempts.set(row, job.attempts);
    this.#flags.set(row, flagsOf(job));
    if (job.deliverBy !== undefined) this.#deliverBy.set(row, job.deliverBy);
    this.#reply.set(row, job.lastReply ? this.#replies.use(this.#pack(job.lastReply)) + 1 : 0);
    this.#next.set(row, next);
    return row + 1;
  }

  #job(row: number): Job {
    const flags = this.#flags.get(row);
    const reply = this.#reply.get(row);
    const priority = (flags << (32 - 8)) >> (32 - 8 + PRIORITY_SHIFT);
    const deliverBy = this.#deliverBy.get(row);
    return {
      destination: this.#destinations.valueOf(this.#destination.get(row)),
      recipients: numbersIn(this.#recipientLists.valueOf(this.#recipients.get(row))),
      attempts: this.#attempts.get(row),
      dueAt: this.#dueAt.get(row),
      ...((flags & HELD) !== 0 ? { held: true } : undefined),
      ...((flags & DELAY_WARNED) !== 0 ? { delayWarned: true } : undefined),
      ...(deliverBy === undefined ? undefined : { deliverBy }),
      ...(priority === 0 ? undefined : { priority }),
      ...(reply !== 0 ? { lastReply: this.#replyOf(reply - 1) } : undefined),
    };
  }

  #pack(reply: StoredReply): string {
    if (this.#last?.reply !== reply) this.#last = { packed: packReply(reply), reply };
    return this.#last.packed;
  }

  #replyOf(id: number): StoredReply {
    const packed = this.#replies.valueOf(id);
    if (this.#last?.packed !== packed) this.#last = { packed, reply: unpackReply(packed) };
    return this.#last.reply;
  }
}

function flagsOf({ held, delayWarned, priority = 0 }: Job): number {
  return (held ? HELD : 0) | (delayWarned ? DELAY_WARNED : 0) | ((priority << PRIORITY_SHIFT) & 0xff);
}

function numbersIn(list: string): readonly number[] {
  if (list.length === 1) return [list.charCodeAt(0) - 48];
  return list === '' ? [] : list.split(',').map(Number);
}

/** As one string: a reply that no other job shares, as greylisting gives them, is half as large as that. */
function packReply({ code, enhanced, remote, text }: StoredReply): string {
  return `${code}\0${enhanced}\0${remote ?? ''}\0${text}`;
}

function unpackReply(packed: string): StoredReply {
  const first = packed.indexOf('\0');
  const second = packed.indexOf('\0', first + 1);
  const third = packed.indexOf('\0', second + 1);
  const remote = packed.slice(second + 1, third);
  return {
    code: Number(packed.slice(0, first)),
    enhanced: packed.slice(first + 1, second),
    text: packed.slice(third + 1),
    ...(remote === '' ? undefined : { remote }),
  };
}
