/**
 * The account of every message: what clients were told, what next hops were given, what the queue recorded; and what
 * must never be. `docs/queue.md` says which duplicates are allowed; here is the same, to be computed.
 */
import type { EndedRecipient, Queue, QueueId } from '../../mta/queue/types.ts';
import type { Operation } from './process-disk.ts';
import { laneOf, nonceOf } from './states.ts';
import type { Worker } from './worker.ts';

export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, text: string) {
    super(text);
    this.invariant = invariant;
  }
}

/** A final dot that a next hop has answered 250 for. */
export interface Delivery {
  readonly worker: Worker;
  readonly lane: string;
  /** Claims of the lane before it. */
  readonly claims: number;
  /** Its reply was lost, its settlement refused, or its sender no longer the owner: a fault that allows another. */
  interrupted: boolean;
}

interface RecipientAccount {
  readonly deliveries: Delivery[];
  /** Permanent refusals and expiries that the sender must hear of. */
  failures: number;
  /** Its end has been given to the owner's queue, which may have kept it or not. */
  ending: boolean;
  /** Recorded ends: synced, and the lease renewed after that. */
  ends: number;
}

export interface MessageAccount {
  readonly key: string;
  readonly content: Buffer;
  readonly bounces: boolean;
  readonly recipients: readonly RecipientAccount[];
  id: QueueId;
  answered: boolean;
  /** An owner has opened its lane without it. */
  gone: boolean;
  /** An owner has opened its lane without one of its recipients, who had no end. */
  missing: boolean;
  /** Reports about each recipient that were delivered, by their ids. */
  readonly reports: Map<number, Set<QueueId>>;
}

/** Longest time, as a part of the term, in which two clocks that drift may both see a lease as theirs. */
const DRIFT = 0.03;

export interface LaneAccount {
  claims: number;
  claimedAt: number;
  /** Who made the last claim, where it still runs. */
  claimant: Worker | undefined;
  /** Who has opened it last, having claimed it. */
  adopter: Worker | undefined;
  /** Order of the last sync of a segment, and of the last renewal, by each process. */
  readonly synced: Map<Worker, number>;
  readonly renewed: Map<Worker, number>;
}

export class Ledger {
  readonly #messages = new Map<string, MessageAccount>();
  readonly #lanes = new Map<string, LaneAccount>();
  /** What each id was given to. */
  readonly #ids = new Map<QueueId, string>();
  readonly #termMs: number;
  #order = 0;
  /** Recipients that got a message twice, within what is allowed. */
  duplicates = 0;
  answered = 0;

  constructor(termMs: number) {
    this.#termMs = termMs;
  }

  open(key: string, content: Buffer, bounces: boolean, recipients: number): MessageAccount {
    const account: MessageAccount = {
      key,
      content,
      bounces,
      recipients: Array.from({ length: recipients }, () => ({
        deliveries: [],
        failures: 0,
        ending: false,
        ends: 0,
      })),
      id: '',
      answered: false,
      gone: false,
      missing: false,
      reports: new Map(),
    };
    this.#messages.set(key, account);
    return account;
  }

  message(key: string): MessageAccount {
    const account = this.#messages.get(key);
    if (!account) throw new Violation('content', `a message turned up that nobody sent: ${key}`);
    return account;
  }

  /** An id stands for one message, ever: even where that was refused. */
  named(id: QueueId, what: string): void {
    const before = this.#ids.get(id) ?? what;
    this.#ids.set(id, what);
    if (before !== what) throw new Violation('one id, one message', `${id} is ${before} and ${what}`);
  }

  lane(lane: string): LaneAccount {
    let account = this.#lanes.get(lane);
    if (!account) {
      account = {
        claims: 0,
        claimedAt: 0,
        claimant: undefined,
        adopter: undefined,
        synced: new Map(),
        renewed: new Map(),
      };
      this.#lanes.set(lane, account);
    }
    return account;
  }

  /** Something has been done at the server. @param worker whose it is; undefined where that has died meanwhile */
  landed({ kind, path, to }: Operation, worker: Worker | undefined, now: number): void {
    const place = kind === 'rename' || kind === 'sync' ? laneOf(path) : undefined;
    if (!place) return;
    this.#order += 1;
    const account = this.lane(place.lane);
    if (kind === 'sync') {
      if (worker && place.name.startsWith('segment.')) account.synced.set(worker, this.#order);
      return;
    }
    if (!place.name.startsWith('lease.') || to === undefined) return;
    if (worker) account.renewed.set(worker, this.#order);
    const nonce = nonceOf(to.slice(to.lastIndexOf('/') + 1));
    // What is retired is nobody's.
    if (nonce === '' || nonce === nonceOf(place.name)) return;
    account.claims += 1;
    account.claimedAt = now;
    account.claimant = worker;
  }

  /** The client hears 250. */
  accepted(account: MessageAccount, worker: Worker): void {
    account.answered = true;
    this.answered += 1;
    // A later owner may have seen to all of it before its client hears.
    if (account.missing) {
      throw new Violation('nothing lost', `${account.id} was answered, and a later owner doesn't have it`);
    }
    if (worker.onReserve(account.id)) {
      throw new Violation('reserve for settlements', `${account.id} was written to the reserve`);
    }
    const lane = this.lane(laneOfId(account.id));
    if ((lane.renewed.get(worker) ?? 0) < (lane.synced.get(worker) ?? 0)) {
      throw new Violation(
        'renewed before 250',
        `${account.id} was answered without a renewal after its sync`,
      );
    }
    const why = worker.whyNotDurable(account, lane.claims > 0 && lane.claimant !== worker);
    if (why) throw new Violation('durable before 250', `${account.id} was answered, but ${why}`);
  }

  /**
   * A worker has adopted a lane: what it holds is what there is from now on.
   *
   * @param held recipients of each message that are to be tried
   */
  adopted(lane: string, held: ReadonlyMap<QueueId, readonly number[]>, worker: Worker): void {
    const account = this.lane(lane);
    // It was paused meanwhile, and another has claimed the lane.
    if (account.claimant !== worker) return;
    account.adopter = worker;
    for (const message of this.#messages.values()) {
      const { id, answered, recipients } = message;
      if (laneOfId(id) !== lane) continue;
      const jobs = held.get(id);
      if (jobs && message.gone) {
        throw new Violation('nothing comes back', `${id} is there again for ${worker.name}`);
      }
      message.gone = jobs === undefined;
      for (const [index, recipient] of recipients.entries()) {
        const { ending, ends } = recipient;
        const isHeld = jobs?.includes(index) ?? false;
        recipient.ending = !isHeld;
        message.missing ||= !isHeld && !ending;
        if (isHeld && ends > 0) {
          throw new Violation(
            'ended once',
            `${id} recipient ${index} has no end any more for ${worker.name}`,
          );
        }
        if (!isHeld && !ending && (answered || jobs)) {
          throw new Violation('nothing lost', `${id} recipient ${index} is not there for ${worker.name}`);
        }
      }
    }
  }

  /** A worker that takes itself for the owner sends MAIL or the final dot. */
  tries(id: QueueId, worker: Worker, others: readonly Worker[], now: number): void {
    for (const other of others) {
      if (other === worker || !other.process.alive || !other.owns(id)) continue;
      if (this.#mayBothOwn(id, worker, other, now)) continue;
      throw new Violation('two owners', `${worker.name} tries ${id}, which ${other.name} owns`);
    }
  }

  /** The final dot is sent for these recipients. */
  dot(
    account: MessageAccount,
    id: QueueId,
    recipients: readonly number[],
    worker: Worker,
    now: number,
  ): void {
    if (this.#isGhost(id, worker, now)) return;
    const lane = laneOfId(id);
    const { claims } = this.lane(lane);
    for (const index of recipients) {
      const { deliveries, ends } = account.recipients[index]!;
      if (ends > 0) {
        throw new Violation(
          'ended once',
          `${id} recipient ${index} is tried by ${worker.name} after its end`,
        );
      }
      for (const earlier of deliveries) {
        const disturbed = earlier.interrupted || !earlier.worker.process.alive || earlier.claims !== claims;
        if (disturbed || earlier.lane !== lane) continue;
        throw new Violation('delivered once', `${id} recipient ${index} is delivered again, without a fault`);
      }
    }
  }

  delivered(account: MessageAccount, id: QueueId, index: number, worker: Worker): Delivery {
    const lane = laneOfId(id);
    const recipient = account.recipients[index]!;
    const { claims, claimant } = this.lane(lane);
    const delivery = { worker, lane, claims, interrupted: claims > 0 && claimant !== worker };
    if (recipient.deliveries.length > 0) this.duplicates += 1;
    recipient.deliveries.push(delivery);
    return delivery;
  }

  reported(report: QueueId, key: string, recipients: readonly number[]): void {
    this.named(report, `report ${key} ${recipients}`);
    const { reports } = this.message(key);
    for (const index of recipients) {
      const ids = reports.get(index) ?? new Set();
      reports.set(index, ids.add(report));
      if (ids.size > 1) {
        throw new Violation(
          'one report',
          `two reports for ${key} recipient ${index}: ${[...ids].join(', ')}`,
        );
      }
    }
  }

  /** The queue is given these ends. Those of a former owner change nothing. */
  ending(account: MessageAccount, ended: readonly EndedRecipient[], worker: Worker): void {
    if ((this.lane(laneOfId(account.id)).adopter ?? worker) !== worker) return;
    for (const { recipient } of ended) account.recipients[recipient]!.ending = true;
  }

  /** The queue says that these ends are recorded. */
  ended(account: MessageAccount, ended: readonly EndedRecipient[], worker: Worker): void {
    for (const { recipient: index } of ended) {
      const recipient = account.recipients[index]!;
      recipient.ends += 1;
      if (recipient.ends > 1) {
        throw new Violation(
          'ended once',
          `${account.id} recipient ${index} has a second end, by ${worker.name}`,
        );
      }
    }
  }

  /** Everything has been healed and drained: every recipient that was answered for has reached an end. */
  close(): void {
    for (const account of this.#messages.values()) {
      if (!account.answered) continue;
      for (const [index, { deliveries, failures }] of account.recipients.entries()) {
        if (deliveries.length > 0 || account.reports.has(index)) continue;
        if (failures > 0 && !account.bounces) continue;
        const what = failures > 0 ? 'failed, and nobody was told' : 'is lost';
        throw new Violation('nothing lost', `${account.id} (${account.key}) recipient ${index} ${what}`);
      }
    }
  }

  /** Clocks that drift, or have stood still with their machine, may leave two owners for a while: as documented. */
  #mayBothOwn(id: QueueId, one: Worker, other: Worker, now: number): boolean {
    const { claimedAt } = this.lane(laneOfId(id));
    if (now - claimedAt <= DRIFT * this.#termMs) return true;
    const since = now - 2 * this.#termMs;
    return [one, other].some(({ process }) => process.paused || process.machine.stoppedUntil > since);
  }

  /** Whether a worker may not know yet that the lane is another's. */
  #isGhost(id: QueueId, worker: Worker, now: number): boolean {
    const { claimedAt, claimant } = this.lane(laneOfId(id));
    const isNew = claimant !== worker && now - claimedAt <= DRIFT * this.#termMs;
    return isNew || worker.process.machine.stoppedUntil > now - 2 * this.#termMs;
  }
}

export const laneOfId = (id: QueueId): string => id.slice(0, id.indexOf('-'));

/** The messages of a lane, with the recipients that are to be tried. */
export function heldIn(queue: Queue, lane: string): Map<QueueId, number[]> {
  const held = new Map<QueueId, number[]>();
  for (const { id, jobs } of queue.entries()) {
    if (laneOfId(id) !== lane) continue;
    held.set(
      id,
      jobs.flatMap(({ recipients }) => recipients),
    );
  }
  return held;
}
