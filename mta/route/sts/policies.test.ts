import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../queue/testing/memory-disk.ts';
import { systemRandom } from '../../random.ts';
import { settleDown, TestClock } from '../../testing/test-clock.ts';
import { StsFailure } from './failure.ts';
import { type FetchEvent, KeptPolicies } from './policies.ts';
import type { StsPolicy } from './policy.ts';
import { StsStore } from './store.ts';

const DAY = 86_400_000;
const policy = (change: Partial<StsPolicy> = {}): StsPolicy => ({
  ...{ mode: 'enforce', maxAge: 7 * 86_400, mx: ['mx.d.test'], ...change },
});

/** A world with one domain, whose record and policy a test may change. */
function world(disk = new MemoryDisk(), clock = new TestClock()) {
  const published = { id: 'a' as string | undefined, policy: policy() as StsPolicy | undefined };
  const fetches: string[] = [];
  const asked: string[] = [];
  const events: FetchEvent[] = [];
  const errors: unknown[] = [];
  const worker = () =>
    new KeptPolicies({
      async texts(name) {
        asked.push(name);
        return published.id === undefined ? [] : [`v=STSv1; id=${published.id};`];
      },
      async fetch(domain) {
        fetches.push(domain);
        const { policy: found } = published;
        if (found === undefined) throw new StsFailure('sts-policy-fetch-error', 'it answered 404');
        return found;
      },
      store: new StsStore({
        ...{ path: '/sts', disk, clock, random: systemRandom },
        onError: (error) => void errors.push(error),
      }),
      ...{ clock, random: systemRandom },
      onFetch: (event) => void events.push(event),
    });
  return { clock, disk, published, fetches, asked, events, errors, worker };
}

describe('the policy of a domain', () => {
  it('is fetched once, by who finds its record, and kept', async () => {
    const { worker, fetches, asked } = world();
    const policies = worker();
    expect(await policies.policyOf('d.test')).toEqual(policy());
    expect(await policies.policyOf('d.test')).toEqual(policy());
    expect(fetches).toEqual(['d.test']);
    expect(asked[0]).toBe('_mta-sts.d.test');
  });

  it('that could not be fetched is told of as reported where any who waited for it has that', async () => {
    const { worker, published, events, clock } = world();
    published.policy = undefined;
    const policies = worker();
    for (const asked of [[false], [true], [false, true], [false]]) {
      await Promise.all(asked.map((isReported) => policies.policyOf('d.test', isReported)));
      await clock.advance(DAY);
    }
    expect(events.map(({ isReported }) => isReported)).toEqual([false, true, true, false]);
  });

  it('is fetched once for all that ask at a time', async () => {
    const { worker, fetches } = world();
    const policies = worker();
    await Promise.all([1, 2, 3].map(() => policies.policyOf('d.test')));
    expect(fetches).toHaveLength(1);
  });

  it('is not there without a record, and nothing is fetched', async () => {
    const { worker, fetches, published } = world();
    published.id = undefined;
    expect(await worker().policyOf('d.test')).toBeUndefined();
    expect(fetches).toEqual([]);
  });

  it('is not asked for where the domain is none', async () => {
    const { worker, asked } = world();
    for (const domain of ['[192.0.2.1]', 'a..b', 'a/b', 'ü.test', '']) {
      expect(await worker().policyOf(domain)).toBeUndefined();
    }
    expect(asked).toEqual([]);
  });

  it('where it can not be fetched, there is none, and it is tried again after five minutes', async () => {
    const { worker, fetches, published, clock, events } = world();
    const policies = worker();
    published.policy = undefined;
    for (let message = 0; message < 3; message++) expect(await policies.policyOf('d.test')).toBeUndefined();
    expect(fetches).toHaveLength(1);
    expect(events).toEqual([
      {
        domain: 'd.test',
        result: 'sts-policy-fetch-error',
        why: 'it answered 404',
        cached: undefined,
        isReported: false,
      },
    ]);
    await clock.advance(299_000);
    await policies.policyOf('d.test');
    expect(fetches).toHaveLength(1);
    published.policy = policy();
    await clock.advance(1000);
    expect(await policies.policyOf('d.test')).toEqual(policy());
  });

  it('is fetched anew when the id changes', async () => {
    const { worker, published, fetches } = world();
    const policies = worker();
    await policies.policyOf('d.test');
    Object.assign(published, { id: 'b', policy: policy({ mx: ['other.test'] }) });
    expect((await policies.policyOf('d.test'))?.mx).toEqual(['other.test']);
    expect(fetches).toHaveLength(2);
  });

  it('stays as it was where the id has changed and the fetch fails', async () => {
    const { worker, published, fetches, events } = world();
    const policies = worker();
    await policies.policyOf('d.test');
    Object.assign(published, { id: 'b', policy: undefined });
    expect(await policies.policyOf('d.test')).toEqual(policy());
    expect(await policies.policyOf('d.test')).toEqual(policy());
    expect(fetches).toHaveLength(2);
    expect(events[1]).toMatchObject({ result: 'sts-policy-fetch-error', cached: 'enforce' });
  });

  it('stays while it counts, though record and policy are gone, and no longer', async () => {
    const { worker, published, clock } = world();
    const policies = worker();
    await policies.policyOf('d.test');
    Object.assign(published, { id: undefined, policy: undefined });
    await clock.advance(7 * DAY);
    expect(await policies.policyOf('d.test')).toEqual(policy());
    await clock.advance(1);
    expect(await policies.policyOf('d.test')).toBeUndefined();
  });

  it('of mode none is kept, and asks for nothing', async () => {
    const { worker, published, fetches } = world();
    published.policy = policy({ mode: 'none', mx: [] });
    const policies = worker();
    expect(await policies.policyOf('d.test')).toBeUndefined();
    expect(await policies.policyOf('d.test')).toBeUndefined();
    expect(fetches).toHaveLength(1);
  });

  it('with a max_age of 0 counts for the mail that it was fetched for', async () => {
    const { worker, published, clock, fetches } = world();
    published.policy = policy({ maxAge: 0 });
    const policies = worker();
    expect(await policies.policyOf('d.test')).toMatchObject({ maxAge: 0 });
    await clock.advance(1);
    expect(await policies.policyOf('d.test')).toMatchObject({ maxAge: 0 });
    expect(fetches).toHaveLength(2);
  });

  it('of yesterday is fetched again beside the mail, whatever the record says', async () => {
    const { worker, published, clock, fetches } = world();
    const policies = worker();
    await policies.policyOf('d.test');
    await clock.advance(DAY);
    Object.assign(published, { id: undefined, policy: policy({ mode: 'testing' }) });
    expect(await policies.policyOf('d.test')).toMatchObject({ mode: 'enforce' });
    await settleDown();
    expect(fetches).toHaveLength(2);
    expect(await policies.policyOf('d.test')).toMatchObject({ mode: 'testing' });
  });
});

describe('the volume', () => {
  it('has it for other workers, and for the next life of this one', async () => {
    const { worker, fetches, published } = world();
    await worker().policyOf('d.test');
    published.policy = undefined;
    expect(await worker().policyOf('d.test')).toEqual(policy());
    expect(fetches).toHaveLength(1);
  });

  it('has what another worker has fetched when the id changed', async () => {
    const { worker, published, fetches, clock } = world();
    const [one, other] = [worker(), worker()];
    await one.policyOf('d.test');
    await other.policyOf('d.test');
    await clock.advance(1000);
    Object.assign(published, { id: 'b', policy: policy({ mode: 'testing' }) });
    await one.policyOf('d.test');
    expect(await other.policyOf('d.test')).toMatchObject({ mode: 'testing' });
    expect(fetches).toHaveLength(2);
  });

  it('that fails takes no policy away', async () => {
    const { worker, disk, errors } = world();
    disk.inject = () => Object.assign(new Error('EIO'), { code: 'EIO' });
    const policies = worker();
    expect(await policies.policyOf('d.test')).toEqual(policy());
    expect(await policies.policyOf('d.test')).toEqual(policy());
    expect(errors).not.toEqual([]);
  });
});

describe('what is kept', () => {
  it('is fetched anew once a day though no mail goes there, by one of all workers', async () => {
    const { worker, clock, fetches } = world();
    const [one, other] = [worker(), worker()];
    await one.policyOf('d.test');
    one.start();
    other.start();
    await clock.advance(3 * DAY + 2 * 3_600_000);
    one.stop();
    other.stop();
    expect(fetches.length).toBeGreaterThanOrEqual(3);
    expect(fetches.length).toBeLessThanOrEqual(5);
    await clock.advance(3 * DAY);
    expect(fetches.length).toBeLessThanOrEqual(5);
  });

  it('is left to its end when nobody has used it for a month, and then removed', async () => {
    const { worker, clock, fetches, disk } = world();
    const policies = worker();
    await policies.policyOf('d.test');
    for (let day = 0; day < 32; day++) {
      await clock.advance(DAY);
      await policies.sweep();
    }
    const used = fetches.length;
    for (let day = 0; day < 8; day++) {
      await clock.advance(DAY);
      await policies.sweep();
    }
    expect(used).toBeGreaterThan(30);
    expect(fetches).toHaveLength(used);
    expect(disk.namesOf('/sts')).toEqual([]);
  });

  it('is told of when it can not be fetched anew', async () => {
    const { worker, clock, published, events } = world();
    const policies = worker();
    await policies.policyOf('d.test');
    published.policy = undefined;
    await clock.advance(DAY);
    await policies.sweep();
    expect(events.at(-1)).toMatchObject({
      result: 'sts-policy-fetch-error',
      cached: 'enforce',
      isReported: false,
    });
  });
});
