/** Simulated next hops: what they answer, when they can't be reached, and which replies get lost on their way. */
import type { StoredReply } from '../../mta/queue/types.ts';
import type { Dice } from './dice.ts';
import type { Plan } from './plan.ts';

export const reply = (code: number, enhanced: string, text: string): StoredReply => ({
  code,
  enhanced,
  text,
});

export const TAKEN = reply(250, '2.0.0', 'Ok');
const LATER = reply(450, '4.2.0', 'Later');
const NEVER = reply(550, '5.1.1', 'No such user');
/** Our own, where none came. */
export const NO_REPLY = reply(451, '4.4.2', 'Connection lost');
export const UNREACHABLE = reply(451, '4.4.1', 'No host could be reached');
export const LOCAL = reply(451, '4.3.0', 'Local error');

export const destinationKey = (index: number): string => `mx:d${index}.test`;
export const indexOf = (key: string): number => Number(/\d+/.exec(key)?.[0]);

export class NextHops {
  readonly #plan: Plan;
  readonly #dice: Dice;
  healed = false;

  constructor(plan: Plan, dice: Dice) {
    this.#plan = plan;
    this.#dice = dice;
  }

  reachable(destination: number, now: number): boolean {
    return (
      this.healed ||
      !this.#plan.unreachable.some(
        (one) => one.destination === destination && one.from <= now && now < one.to,
      )
    );
  }

  /** What it says to the final dot, for each recipient. */
  answers(destination: number, recipients: readonly number[]): StoredReply[] {
    const { temporary, permanent } = this.#plan.hops[destination] ?? { temporary: 0, permanent: 0 };
    return recipients.map(() => {
      const fate = this.#dice.fraction();
      if (fate < permanent) return NEVER;
      return !this.healed && fate < permanent + temporary ? LATER : TAKEN;
    });
  }

  losesReply(destination: number): boolean {
    return !this.healed && this.#dice.chance(this.#plan.hops[destination]?.lost ?? 0);
  }
}
