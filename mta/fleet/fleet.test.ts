/** Members that find each other over loopback: what a resolver, a clock and a restart may do to them. */
import { pino } from 'pino';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, certificateAuthority } from '../../test/support/authority.ts';
import { freePort } from '../../test/support/ports.ts';
import { waitFor } from '../../test/support/wait.ts';
import { systemClock } from '../clock.ts';
import type { MtaConfig, Peers } from '../config.ts';
import { testConfig } from '../route/testing/config.ts';
import { budgetTimes } from './budget-types.ts';
import { Budgets } from './budgets.ts';
import { Fleet } from './fleet.ts';
import { memberHost } from './hosts.ts';
import { readIdentity } from './identity.ts';
import { KeptIdentity } from './kept-identity.ts';

const TERM_SECONDS = 2;
const ID = 'connections mx:a.test';
const LIMIT = 9;
let authority: Authority;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  authority = await certificateAuthority();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Members behind one name: `mta-1` listens on 127.0.0.1, `mta-2` on 127.0.0.2. */
async function member(number: number, port: number, lookup: () => Promise<readonly string[]>) {
  const self = `mta-${number}`;
  const base = testConfig();
  const config: MtaConfig = { ...base, queue: { ...base.queue, leaseTermSeconds: TERM_SECONDS } };
  const peers: Peers = {
    address: `127.0.0.${number}`,
    port,
    members: { source: 'dns', name: 'peers.test', port },
  };
  const folder = await authority.issue(memberHost(self, config.fleet));
  const budgets = new Budgets({
    self,
    incarnation: Date.now(),
    times: budgetTimes(TERM_SECONDS),
    limit: () => LIMIT,
    rest: () => 0,
    patience: () => 0,
  });
  const fleet = new Fleet(config, peers, {
    self,
    identity: new KeptIdentity(() => readIdentity(folder, self, config.fleet), {
      clock: systemClock,
      logger: pino({ enabled: false }),
    }),
    lookup,
    budgets,
    clock: systemClock,
    logger: pino({ enabled: false }),
    onDefect: (error) => {
      throw error;
    },
  });
  const listeners = { budgets: () => {}, loads: () => {}, released: () => {}, news: () => {} };
  await fleet.start(peers, listeners, () => []);
  ends.push(() => fleet.stop());
  const live = () =>
    fleet
      .members()
      .filter((each) => each.live)
      .map(({ name }) => name);
  const allowance = () => {
    const now = systemClock.monotonic();
    budgets.need(ID, 20, 0, now);
    return budgets.allowance(ID, now);
  };
  return { fleet, live, allowance };
}

describe('members behind a name', () => {
  it('go on beating while the resolver hangs', async () => {
    const port = await freePort();
    let hangs = false;
    const lookup = async () => {
      if (hangs) await new Promise(() => {});
      return ['127.0.0.1', '127.0.0.2'];
    };
    const [one, other] = await Promise.all([member(1, port, lookup), member(2, port, lookup)]);
    await waitFor('both to hear each other', () => one.live().length === 1 && other.live().length === 1);
    hangs = true;
    const since = performance.now();
    await waitFor('three terms', () => {
      expect([one.live(), other.live()]).toEqual([['mta-2'], ['mta-1']]);
      return performance.now() - since > 3000 * TERM_SECONDS;
    });
  });

  it('that never could look them up take themselves for one of many, not for all', async () => {
    const lookup = async () => {
      throw new Error('no resolver');
    };
    const { allowance } = await member(1, await freePort(), lookup);
    const since = performance.now();
    await waitFor('three terms', () => performance.now() - since > 3000 * TERM_SECONDS);
    expect(allowance()).toBeLessThanOrEqual(1);
  });

  it('that are alone by that name have all', async () => {
    const { allowance } = await member(1, await freePort(), async () => ['127.0.0.1']);
    await waitFor('all tokens', () => allowance() === LIMIT);
  });
});
