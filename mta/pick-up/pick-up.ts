/**
 * One worker's part in the pick-up of held mail: answers its clients' ETRN and ATRN, and does for other workers what it is
 * asked to.
 */
import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import type { Session } from '../deliver/types.ts';
import type { PickUp } from '../listen/types.ts';
import type { Queue } from '../queue/types.ts';
import type { Random } from '../random.ts';
import type { Work } from '../schedule/destination.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { AttemptReport } from '../schedule/types.ts';
import { createAtrn } from './atrn.ts';
import { anythingWaits, carry } from './carry.ts';
import { createEtrn } from './etrn.ts';
import type { HeldDomains } from './hold.ts';
import { Loans } from './loans.ts';
import { type LineState, type Loan, loanName } from './messages.ts';
import { type PlaceCalls, placesOf } from './places.ts';
import { release, reschedule } from './waiting.ts';

/** What other workers ask of this one. */
export type HolderCalls = {
  /** Has all that waits here for these destinations tried now; resolves with how many messages, once that is stored. */
  releaseHeld(destinations: readonly string[]): Promise<number>;
  waitsHeld(destinations: readonly string[]): Promise<boolean>;
  /** Sends what waits here over a connection that another worker has; never rejects. */
  carry(loan: Loan): Promise<LineState>;
  /** The borrower of a connection of ours sends, receives, and gives it back. */
  lentSend(loan: string, data: Uint8Array): Promise<void>;
  lentReceive(loan: string): Promise<{ readonly data: Uint8Array; readonly ended: boolean }>;
  lentInterrupt(loan: string): Promise<void>;
  lentBack(loan: string, state: LineState): Promise<void>;
};

export interface PickUpDeps {
  readonly held: () => HeldDomains;
  /** Of the pod, and this worker's number in it. */
  readonly place: () => { readonly member: string; readonly index: number };
  readonly calls: PlaceCalls;
  readonly delivery: () => MtaConfig['delivery'];
  readonly hostname: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly onDefect: (error: unknown) => void;
}

/** What a worker has when its queue is open. */
export interface HolderParts {
  readonly queue: Queue;
  readonly scheduler: Scheduler;
  readonly attempt: (work: Work, session: Session) => Promise<AttemptReport>;
}

export class WorkerPickUp {
  /** For clients. */
  readonly requests: PickUp;
  readonly #deps: PickUpDeps;
  readonly #places: ReturnType<typeof placesOf>;
  readonly #loans: Loans;

  constructor(deps: PickUpDeps) {
    const { clock, random, place } = deps;
    this.#deps = deps;
    this.#places = placesOf(deps.calls, () => place().member);
    this.#loans = new Loans(clock, random, (id) => loanName(place().index, id));
    const release = (destinations: readonly string[]) => this.#places.release(destinations);
    this.requests = {
      ...createEtrn({ ...deps, release }),
      ...createAtrn({ ...deps, places: this.#places, loans: this.#loans }),
    };
  }

  /** @param parts throws where the worker has not started */
  holder(parts: () => HolderParts): HolderCalls {
    const { clock, delivery } = this.#deps;
    return {
      async releaseHeld(destinations) {
        const counts = await Promise.all(destinations.map((key) => release(key, { ...parts(), clock })));
        return counts.reduce((sum, count) => sum + count, 0);
      },
      waitsHeld: async (destinations) => anythingWaits(destinations, { ...parts(), clock }),
      carry: async (loan) => carry(loan, this.#places.lent(loan), { ...parts(), clock, delivery }),
      lentSend: async (loan, data) => this.#loans.lent(loan).send(Buffer.from(data)),
      lentReceive: async (loan) => this.#loans.lent(loan).receive(),
      lentInterrupt: async (loan) => this.#loans.lent(loan).interrupt(),
      lentBack: async (loan, state) => this.#loans.giveBack(loan, state),
    };
  }
}

/**
 * Config has changed: what waited for an owner and no longer does is tried now, and what may wait for less long than it
 * was to is tried by then.
 */
export async function reholdChanged(
  before: HeldDomains,
  now: HeldDomains,
  deps: { queue: Queue; scheduler: Scheduler; clock: Clock },
): Promise<void> {
  for (const [key, { hold }] of before) {
    const domain = now.get(key);
    if (domain === undefined) await release(key, deps);
    else if (domain.hold.maxAgeSeconds < hold.maxAgeSeconds) {
      const maxAge = domain.hold.maxAgeSeconds * 1000;
      const cut = hold.maxAgeSeconds * 1000 - maxAge;
      // Where its sender has set a time, its age counts from then.
      await reschedule(key, ({ arrivedAt }, { dueAt }) => Math.max(arrivedAt + maxAge, dueAt - cut), deps);
    }
  }
}
