/**
 * First in, first out for each sender, and one of each sender in turn: a sender of a million messages delays another's
 * first one by one message, not by a million.
 *
 * There may be a million plans in queues of tens of thousands of destinations, each of another sender: so all queues
 * of a process keep theirs in one table of lists (`FairLines`), about 60 bytes for a plan at most, and an empty queue
 * is next to nothing.
 */
import { Column, Rows } from '../compact/columns.ts';
import { Interner } from '../compact/interner.ts';
import { NumberMap } from '../compact/number-map.ts';
import type { Plan } from './plan.ts';

/** Links are row numbers plus 1: 0 is the end of a list. */
type Link = number;
const END: Link = 0;

/** The table behind the fair queues of a process: lists of plans, and for each queue a list of senders in turn. */
export class FairLines {
  readonly #message = Column.float64();
  readonly #dueAt = Column.float64();
  readonly #first = Column.uint32();
  readonly #next = Column.uint32();
  readonly #plans = new Rows([this.#message, this.#dueAt, this.#first, this.#next]);

  readonly #sender = Column.uint32();
  readonly #head = Column.uint32();
  readonly #tail = Column.uint32();
  readonly #following = Column.uint32();
  readonly #lines = new Rows([this.#sender, this.#head, this.#tail, this.#following]);
  /** Row of a line by its queue's number and its sender. */
  readonly #lineOf = new NumberMap();
  readonly #senders = new Interner();
  readonly #queues = new Rows([]);

  /** A number for a queue that is no longer empty. */
  openQueue(): number {
    return this.#queues.take();
  }

  closeQueue(queue: number): void {
    this.#queues.give(queue);
  }

  /** Puts a plan at the end of its sender's line; the line's link where there was none. */
  push(queue: number, sender: string, plan: Plan): Link | undefined {
    const row = this.#plans.take();
    this.#message.set(row, plan.message);
    this.#dueAt.set(row, plan.dueAt);
    this.#first.set(row, plan.first);
    this.#next.set(row, END);
    const known = this.#senders.find(sender);
    const line = known === undefined ? undefined : this.#lineOf.get(keyOf(queue, known));
    if (line !== undefined) {
      this.#next.set(this.#tail.get(line) - 1, row + 1);
      this.#tail.set(line, row + 1);
      return undefined;
    }
    return this.#openLine(queue, sender, row + 1);
  }

  /** Takes the first plan of a line. */
  shift(line: Link): Plan {
    const row = this.#head.get(line - 1) - 1;
    this.#head.set(line - 1, this.#next.get(row));
    this.#plans.give(row);
    return { message: this.#message.get(row), first: this.#first.get(row), dueAt: this.#dueAt.get(row) };
  }

  isEmpty(line: Link): boolean {
    return this.#head.get(line - 1) === END;
  }

  /** The line whose turn comes after this one's. */
  following(line: Link): Link {
    return this.#following.get(line - 1);
  }

  follow(line: Link, next: Link): void {
    this.#following.set(line - 1, next);
  }

  /** Forgets an empty line. */
  closeLine(queue: number, line: Link): void {
    const sender = this.#sender.get(line - 1);
    this.#lineOf.delete(keyOf(queue, sender));
    this.#senders.release(sender);
    this.#lines.give(line - 1);
  }

  #openLine(queue: number, sender: string, plan: Link): Link {
    const line = this.#lines.take();
    const id = this.#senders.use(sender);
    this.#sender.set(line, id);
    this.#head.set(line, plan);
    this.#tail.set(line, plan);
    this.#following.set(line, END);
    this.#lineOf.set(keyOf(queue, id), line);
    return line + 1;
  }
}

export class FairQueue {
  readonly #lines: FairLines;
  /** Known while it isn't empty. */
  #number = 0;
  #size = 0;
  /** The line whose turn it is, and the one whose turn is last. */
  #first: Link = END;
  #last: Link = END;

  constructor(lines: FairLines) {
    this.#lines = lines;
  }

  get size(): number {
    return this.#size;
  }

  push(sender: string, plan: Plan): void {
    if (this.#size === 0) this.#number = this.#lines.openQueue();
    this.#size += 1;
    const line = this.#lines.push(this.#number, sender, plan);
    if (line !== undefined) this.#append(line);
  }

  shift(): Plan | undefined {
    if (this.#size === 0) return undefined;
    const line = this.#first;
    const plan = this.#lines.shift(line);
    this.#size -= 1;
    this.#first = this.#lines.following(line);
    if (this.#first === END) this.#last = END;
    if (this.#lines.isEmpty(line)) this.#lines.closeLine(this.#number, line);
    else this.#append(line);
    if (this.#size === 0) this.#lines.closeQueue(this.#number);
    return plan;
  }

  #append(line: Link): void {
    this.#lines.follow(line, END);
    if (this.#last === END) this.#first = line;
    else this.#lines.follow(this.#last, line);
    this.#last = line;
  }
}

function keyOf(queue: number, sender: number): number {
  return queue * 2 ** 32 + sender;
}
