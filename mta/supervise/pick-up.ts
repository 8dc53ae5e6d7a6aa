/**
 * Held mail that is asked for, between the workers of a pod and with other pods: what one of them asks goes to each that
 * may have some of it, and what goes over a lent connection goes to the worker that has it.
 */
import { PostriderError } from '../errors.ts';
import { readBytes } from '../fleet/body.ts';
import type { FleetChannel, MemberCalls } from '../fleet/types.ts';
import { FLEET_VERSION, parseFrom } from '../fleet/version.ts';
import {
  bodyOf,
  destinations,
  type LineState,
  type Loan,
  lineState,
  loan,
  ofLoan,
  PICK_UP_PATHS,
  workerOfLoan,
} from '../pick-up/messages.ts';
import type { WorkerCalls } from './calls.ts';

type Holder = Pick<
  WorkerCalls,
  'releaseHeld' | 'waitsHeld' | 'carry' | 'lentSend' | 'lentReceive' | 'lentInterrupt' | 'lentBack'
>;

export interface PodPickUpParts {
  /** Name of this pod. */
  readonly self: string;
  /** Those that are ready, by their index. */
  readonly workers: () => ReadonlyMap<number, Holder>;
  readonly members: () => MemberCalls;
  readonly onDefect: (error: unknown) => void;
}

/** One piece of what goes over a lent connection. */
const LARGEST_PIECE = 1024 * 1024;

export class PodPickUp {
  readonly #parts: PodPickUpParts;

  constructor(parts: PodPickUpParts) {
    this.#parts = parts;
  }

  /** Asks a pod, this one too; resolves with its answer as JSON. */
  async ask(
    member: string,
    path: string,
    query: Readonly<Record<string, string>>,
    body: Uint8Array,
  ): Promise<unknown> {
    const { self, members } = this.#parts;
    return member === self ? this.answer(path, query, body) : members().ask(member, path, query, body);
  }

  /** Answers other pods. */
  route(channel: Pick<FleetChannel, 'route'>): void {
    for (const path of Object.values(PICK_UP_PATHS)) {
      channel.route(path, async ({ query, body }) =>
        this.answer(path, query, await readBytes(body, LARGEST_PIECE)),
      );
    }
  }

  /** What this pod answers. Rejects with `TransferOver` where a loan is no more, with `UsageError` where it isn't understood. */
  async answer(path: string, query: unknown, body: Uint8Array): Promise<unknown> {
    const workers = this.#parts.workers();
    switch (path) {
      case PICK_UP_PATHS.release: {
        const asked = parseFrom(destinations, jsonOf(body), FLEET_VERSION);
        const counts = await each(workers, (worker) => worker.releaseHeld(asked.destinations));
        return { waiting: counts.reduce((sum, count) => sum + count, 0) };
      }
      case PICK_UP_PATHS.waits: {
        const asked = parseFrom(destinations, jsonOf(body), FLEET_VERSION);
        const answers = await each(workers, (worker) => worker.waitsHeld(asked.destinations));
        return { waits: answers.includes(true) };
      }
      case PICK_UP_PATHS.lend:
        this.#carry(parseFrom(loan, jsonOf(body), FLEET_VERSION)).catch(this.#parts.onDefect);
        return {};
      case PICK_UP_PATHS.send:
        await lender(workers, query).lentSend(loanOf(query), body);
        return {};
      case PICK_UP_PATHS.receive: {
        const { data, ended } = await lender(workers, query).lentReceive(loanOf(query));
        return { data: Buffer.from(data).toString('base64'), ended };
      }
      case PICK_UP_PATHS.interrupt:
        await lender(workers, query).lentInterrupt(loanOf(query));
        return {};
      case PICK_UP_PATHS.giveBack:
        await lender(workers, query).lentBack(
          loanOf(query),
          parseFrom(lineState, jsonOf(body), FLEET_VERSION),
        );
        return {};
      default:
        throw new PostriderError('NoSuchResource', `nobody picks up at ${path}`);
    }
  }

  /** Each worker in its turn; then the connection goes back. */
  async #carry(borrowed: Loan): Promise<void> {
    let state: LineState = { alive: borrowed.alive, needsReset: borrowed.needsReset };
    for (const worker of this.#parts.workers().values()) {
      if (!state.alive) break;
      // Of a worker that has died nobody knows how far its conversation had come.
      state = await worker.carry({ ...borrowed, ...state }).catch(() => ({ alive: false, needsReset: true }));
    }
    // Who has the connection will find out by itself.
    await this.ask(borrowed.member, PICK_UP_PATHS.giveBack, { loan: borrowed.name }, bodyOf(state)).catch(
      () => {},
    );
  }
}

/** Rejects where one of them has no answer. */
const each = <T>(workers: ReadonlyMap<number, Holder>, ask: (worker: Holder) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from(workers.values(), ask));

const loanOf = (query: unknown): string => parseFrom(ofLoan, query, FLEET_VERSION).loan;

function lender(workers: ReadonlyMap<number, Holder>, query: unknown): Holder {
  const worker = workers.get(workerOfLoan(loanOf(query)));
  if (worker !== undefined) return worker;
  throw new PostriderError('TransferOver', 'the worker that had the connection is gone');
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw new PostriderError('UsageError', 'the body is not JSON', { cause: error });
  }
}
