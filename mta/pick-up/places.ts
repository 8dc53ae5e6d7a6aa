/** The pods of the fleet as a worker sees them that asks for held mail: through its supervisor. */
import { FLEET_VERSION, parseFrom } from '../fleet/version.ts';
import type { Places } from './atrn.ts';
import type { Lent } from './loans.ts';
import { bodyOf, type Loan, PICK_UP_PATHS, received, waitingAnswer, waitsAnswer } from './messages.ts';

/** How a worker reaches them. */
export interface PlaceCalls {
  /** Other pods that live. */
  members(): Promise<readonly string[]>;
  /** What a pod answers, this one too, as JSON. */
  pickUp(
    member: string,
    path: string,
    query: Readonly<Record<string, string>>,
    body: Uint8Array,
  ): Promise<unknown>;
}

export interface Reached extends Places {
  /** Has what waits tried now, everywhere; resolves with how many messages. */
  release(destinations: readonly string[]): Promise<number>;
  /** A connection that was lent to us. */
  lent(loan: Loan): Lent;
}

const NOTHING = new Uint8Array();

export function placesOf(calls: PlaceCalls, self: () => string): Reached {
  const all = async () => [self(), ...(await calls.members())];
  return {
    get self() {
      return self();
    },
    all,
    async release(destinations) {
      const releaseAt = async (place: string) => {
        const answer = await calls.pickUp(place, PICK_UP_PATHS.release, {}, bodyOf({ destinations }));
        return parseFrom(waitingAnswer, answer, FLEET_VERSION).waiting;
      };
      const [own, ...others] = await Promise.allSettled((await all()).map(releaseAt));
      if (own!.status === 'rejected') throw own!.reason;
      // A pod that doesn't answer just now has its mail asked for the next time.
      const counts = [own!, ...others].map((count) => (count.status === 'fulfilled' ? count.value : 0));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async waits(place, destinations) {
      const answer = await calls.pickUp(place, PICK_UP_PATHS.waits, {}, bodyOf({ destinations }));
      return parseFrom(waitsAnswer, answer, FLEET_VERSION).waits;
    },
    async lend(place, loan) {
      await calls.pickUp(place, PICK_UP_PATHS.lend, {}, bodyOf(loan));
    },
    lent: ({ member, name }) => ({
      async send(data) {
        await calls.pickUp(member, PICK_UP_PATHS.send, { loan: name }, data);
      },
      async receive() {
        const answer = await calls.pickUp(member, PICK_UP_PATHS.receive, { loan: name }, NOTHING);
        const { data, ended } = parseFrom(received, answer, FLEET_VERSION);
        return { data: Buffer.from(data, 'base64'), ended };
      },
      async interrupt() {
        await calls.pickUp(member, PICK_UP_PATHS.interrupt, { loan: name }, NOTHING);
      },
    }),
  };
}
