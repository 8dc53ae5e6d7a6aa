import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import { ApiError } from './api-error.ts';
import { Leader, type LeaderOptions } from './leader.ts';
import type { KubeObject } from './resource.ts';

const TIMES = { termMs: 15_000, retryMs: 2000 };

/** What the API server does with one Lease. */
class Lease {
  object: KubeObject | undefined;
  down = false;
  #version = 0;

  readonly client = {
    get: async () => {
      await this.#up();
      return this.object;
    },
    create: async (_type: unknown, object: KubeObject) => {
      await this.#up();
      if (this.object !== undefined) throw new ApiError(409, 'AlreadyExists', 'it exists');
      return this.#write(object);
    },
    replace: async (_type: unknown, object: KubeObject) => {
      await this.#up();
      if (object.metadata.resourceVersion !== this.object?.metadata.resourceVersion) {
        throw new ApiError(409, 'Conflict', 'it has changed');
      }
      return this.#write(object);
    },
  } as unknown as LeaderOptions['client'];

  async #up(): Promise<void> {
    if (this.down) throw new Error('connection refused');
  }

  #write(object: KubeObject): KubeObject {
    this.#version += 1;
    this.object = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
    return this.object;
  }
}

let lease: Lease;
let clocks: TestClock[];
let leading: Set<string>;
let ended: string[];
const leaders: Leader[] = [];

beforeEach(() => {
  lease = new Lease();
  clocks = [];
  leading = new Set();
  ended = [];
});
afterEach(async () => {
  for (const leader of leaders.splice(0)) leader.stop();
  await settleDown();
});

/** A process with a clock of its own; `work` is what it does while it leads. */
function start(identity: string, work: (signal: AbortSignal) => Promise<void> = untilAborted) {
  const clock = new TestClock();
  clocks.push(clock);
  const failures: unknown[] = [];
  const leader = new Leader({
    ...{ client: lease.client, clock, random: seeded(identity.length), identity, times: TIMES },
    lease: { namespace: 'mail', name: 'operator' },
    onFailure: (error) => failures.push(error),
  });
  leaders.push(leader);
  const over = leader
    .run(async (signal) => {
      leading.add(identity);
      try {
        await work(signal);
      } finally {
        leading.delete(identity);
      }
    })
    .then(() => void ended.push(identity));
  return { leader, clock, failures, over };
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

/** Time passes for all of them, a little at a time. */
async function pass(ms: number, which: readonly TestClock[] = clocks): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    for (const clock of which) await clock.advance(500);
    expect(leading.size).toBeLessThanOrEqual(1);
  }
}

const holder = () =>
  (lease.object as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity;

describe('of two processes', () => {
  it('one leads, for as long as it renews', async () => {
    const one = start('one');
    await settleDown();
    start('two');
    await pass(120_000);
    expect([...leading]).toEqual(['one']);
    expect(one.failures).toEqual([]);
  });

  it('the other leads at once when the first has stopped in order', async () => {
    const one = start('one');
    await settleDown();
    start('two');
    await pass(5000);
    one.leader.stop();
    await settleDown();
    expect(ended).toEqual(['one']);
    expect(holder()).toBe('');
    await pass(3000);
    expect([...leading]).toEqual(['two']);
  });

  it('the other leads after a term when the first has died', async () => {
    const one = start('one');
    await settleDown();
    const two = start('two');
    await pass(10_000);
    leading.delete('one');
    const began = two.clock.monotonic();
    while (!leading.has('two')) await pass(500, [two.clock]);
    const took = two.clock.monotonic() - began;
    expect(took).toBeGreaterThan(TIMES.termMs - 3000);
    expect(took).toBeLessThan(TIMES.termMs + 5000);
    expect(one.leader.holder).toBe('one');
  });

  it('the first stops before the other may begin, when it can not renew', async () => {
    const one = start('one');
    await settleDown();
    const two = start('two');
    await pass(10_000);
    lease.down = true;
    await pass(13_000, [one.clock]);
    expect(ended).toEqual(['one']);
    expect(one.failures.length).toBeGreaterThan(2);
    lease.down = false;
    await pass(20_000, [two.clock]);
    expect([...leading]).toEqual(['two']);
  });

  it('one that was asleep finds that another leads, and ends', async () => {
    const one = start('one');
    await settleDown();
    const two = start('two');
    await pass(10_000);
    leading.delete('one');
    await pass(30_000, [two.clock]);
    expect([...leading]).toEqual(['two']);
    await pass(5000);
    expect(ended).toEqual(['one']);
    expect(holder()).toBe('two');
    expect(one.leader.holder).toBe('two');
  });
});

describe('a leader', () => {
  it('ends when its work does, and lets go', async () => {
    const one = start('one', async () => undefined);
    await one.over;
    expect(holder()).toBe('');
  });

  it('fails with its work', async () => {
    const { over } = start('one', async () => {
      throw new Error('no');
    });
    await expect(over).rejects.toThrow('no');
  });

  it('keeps the time since when it leads, and counts who led', async () => {
    start('one');
    await pass(10_000);
    const first = (lease.object as { spec?: Record<string, unknown> }).spec;
    expect(first?.['acquireTime']).not.toBe(first?.['renewTime']);
    expect(first?.['leaseTransitions']).toBe(0);
    leaders[0]!.stop();
    await settleDown();
    start('two');
    await settleDown();
    expect((lease.object as { spec?: Record<string, unknown> }).spec?.['leaseTransitions']).toBe(1);
  });
});
