import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Budgets } from './budgets.ts';
import { BudgetWorld, ID, STEP_MS, TERM_SECONDS, TIMES } from './testing/budget-world.ts';

const TERM = TERM_SECONDS * 1000;
// Histories take seconds each where nothing else runs.
vi.setConfig({ testTimeout: 120_000 });
const histories = { numRuns: 60 };
const steps = (ms: number) => Math.ceil(ms / STEP_MS);

/** Somebody's wants change, is cut off, is reached again, dies, or comes back. */
function disturb(world: BudgetWorld): void {
  const { pods, random, cut } = world;
  const pick = () => pods[Math.floor(random() * pods.length)]!;
  const chance = random();
  const [one, other] = [pick(), pick()];
  if (chance < 0.05) one.want = Math.floor(random() * 25);
  else if (chance < 0.06) cut.add(`${one.name} ${other.name}`);
  else if (chance < 0.065)
    for (const { name } of pods) cut.add(`${one.name} ${name}`).add(`${name} ${one.name}`);
  else if (chance < 0.08) cut.clear();
  else if (chance < 0.085) world.kill(one);
  else if (chance < 0.1 && one.budgets === undefined) world.start(one);
}

const members = fc.integer({ min: 1, max: 5 });
const seed = fc.nat(2 ** 31);

describe('tokens in use', () => {
  it('never exceed the limit, where nobody begins without one, whatever is lost, late, cut off, or dies', () => {
    fc.assert(
      fc.property(seed, members, fc.nat(20), (seed, members, more) => {
        const limit = members + more;
        const world = new BudgetWorld({ seed, members, limit, patience: Number.POSITIVE_INFINITY });
        world.faulty = true;
        for (let n = 0; n < 600; n += 1) {
          disturb(world);
          world.step();
          if (world.inUse > limit) throw new Error(`${world.inUse} of ${limit} in use at step ${n}`);
        }
      }),
      histories,
    );
  });

  it('exceed it by one for each member at most, and for a term, where each may begin with one', () => {
    fc.assert(
      fc.property(seed, members, fc.nat(20), (seed, members, more) => {
        const limit = members + more;
        const world = new BudgetWorld({ seed, members, limit, patience: 0 });
        world.faulty = true;
        for (let n = 0; n < 400; n += 1) {
          disturb(world);
          world.step();
          expect(world.inUse).toBeLessThanOrEqual(limit + members);
        }
        world.faulty = false;
        world.cut.clear();
        for (let n = 0; n < steps(TERM + TIMES.grace); n += 1) world.step();
        for (let n = 0; n < 100; n += 1) {
          world.step();
          expect(world.inUse).toBeLessThanOrEqual(limit);
        }
      }),
      histories,
    );
  });

  it('exceed a limit below the number of members by one for each at most', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 2, max: 5 }), (seed, members) => {
        const limit = 1 + (seed % (members - 1));
        const world = new BudgetWorld({ seed, members, limit, patience: 0 });
        world.faulty = true;
        for (let n = 0; n < 600; n += 1) {
          disturb(world);
          world.step();
          expect(world.inUse).toBeLessThanOrEqual(limit + members);
        }
      }),
      histories,
    );
  });

  it('exceed it by one for each at most while members come and go, and are named at different times', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 2, max: 5 }), fc.nat(20), (seed, members, more) => {
        const limit = members + more;
        const world = new BudgetWorld({ seed, members, limit, patience: 0 });
        const { pods, random } = world;
        const changes: { at: number; run: () => void }[] = [];
        for (const pod of pods) pod.want = 25;
        let named = world.names;
        for (let n = 0; n < 900; n += 1) {
          if (n % 150 === 50) {
            // One goes, or one that had gone comes; each of the others hears of it within half a term.
            const gone = pods.find(({ name }) => !named.includes(name));
            const subject = gone ?? pods[Math.floor(random() * pods.length)]!;
            named = gone ? [...named, gone.name] : named.filter((name) => name !== subject.name);
            const now = named;
            if (gone) world.start(gone, now);
            else world.kill(subject);
            for (const pod of pods) {
              const run = () => pod.budgets?.setNames(now, world.time(pod));
              if (pod !== subject) changes.push({ at: world.now + random() * (TERM / 2), run });
            }
          }
          for (const { run } of changes.filter(({ at }) => at <= world.now)) run();
          changes.splice(0, changes.length, ...changes.filter(({ at }) => at > world.now));
          world.step();
          expect(world.inUse).toBeLessThanOrEqual(limit + members);
        }
      }),
      histories,
    );
  });

  it('of a rate never exceed it in any period, where members are in touch', () => {
    fc.assert(
      fc.property(seed, members, (seed, members) => {
        const restMs = 5000;
        const world = new BudgetWorld({
          seed,
          members,
          limit: members + 7,
          patience: Number.POSITIVE_INFINITY,
          attemptMs: restMs,
          restMs,
        });
        for (let n = 0; n < 400; n += 1) {
          if (n % 40 === 0) for (const pod of world.pods) pod.want = Math.floor(world.random() * 20);
          world.step();
          expect(world.inUse).toBeLessThanOrEqual(members + 7);
        }
      }),
      histories,
    );
  });
});

describe('nobody starves', () => {
  it('one alone who wants any gets all within two thirds of a term', () => {
    fc.assert(
      fc.property(seed, members, fc.integer({ min: 1, max: 30 }), (seed, members, limit) => {
        const world = new BudgetWorld({ seed, members, limit, patience: 0, attemptMs: 500 });
        for (let n = 0; n < steps(TERM); n += 1) world.step();
        const pod = world.pods[seed % members]!;
        pod.want = 50;
        for (let n = 0; n < steps((TERM * 2) / 3); n += 1) world.step();
        for (let n = 0; n < 300; n += 1) {
          world.step();
          expect(pod.budgets!.allowance(ID, world.time(pod))).toBe(limit);
        }
      }),
      histories,
    );
  });

  it('after another has had all, each has its share again as soon as attempts end', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 2, max: 5 }), fc.nat(20), (seed, members, more) => {
        const limit = members + more;
        const world = new BudgetWorld({ seed, members, limit, patience: 0, attemptMs: 500 });
        world.pods[0]!.want = 50;
        for (let n = 0; n < steps(2 * TERM); n += 1) world.step();
        for (const pod of world.pods) pod.want = 50;
        for (let n = 0; n < steps((TERM * 2) / 3); n += 1) world.step();
        for (const pod of world.pods) {
          const has = pod.budgets!.allowance(ID, world.time(pod));
          expect(has).toBeGreaterThanOrEqual(Math.floor(limit / members));
        }
      }),
      histories,
    );
  });

  it('where there are fewer tokens than members, each has one in its turn', () => {
    const world = new BudgetWorld({ seed: 1, members: 3, limit: 1, patience: 0, attemptMs: 300 });
    for (const pod of world.pods) pod.want = 5;
    const had = new Set<string>();
    for (let n = 0; n < steps(8 * TERM); n += 1) {
      world.step();
      // What one began without an answer, in its first term, may be under way a little longer.
      if (n < steps(TERM + 300)) continue;
      for (const pod of world.pods) {
        if (pod.attempts.length > 0) had.add(pod.name);
      }
      expect(world.inUse).toBeLessThanOrEqual(1);
    }
    expect(had.size).toBe(3);
  });

  it('one that is cut off from all has its own share, and one at least', () => {
    for (const limit of [1, 2, 3, 7, 20]) {
      const world = new BudgetWorld({ seed: limit, members: 3, limit, patience: 0 });
      for (const pod of world.pods) pod.want = 50;
      const [lone] = world.pods;
      for (let n = 0; n < 100; n += 1) world.step();
      for (const { name } of world.pods) world.cut.add(`${lone!.name} ${name}`).add(`${name} ${lone!.name}`);
      for (let n = 0; n < steps(1.5 * TERM); n += 1) world.step();
      const has = lone!.budgets!.allowance(ID, world.time(lone!));
      expect(has).toBeGreaterThanOrEqual(Math.max(1, Math.floor(limit / 3)));
      expect(has).toBeLessThanOrEqual(Math.max(1, Math.ceil(limit / 3)));
    }
  });
});

describe('a process in the place of another', () => {
  const make = (self: string, incarnation: number) => {
    const budgets = new Budgets({
      self,
      incarnation,
      times: TIMES,
      limit: () => 10,
      rest: () => 0,
      patience: () => 0,
    });
    budgets.begin(['a', 'b'], 0);
    return budgets;
  };
  const call = (from: Budgets, name: string, to: Budgets, other: string, now: number) => {
    const message = from.message(other, now);
    to.receive(name, message, now);
    from.receive(other, to.message(name, now), now);
    return message;
  };

  it('is heard though its wall clock is behind; what the dead one sent comes too late', () => {
    const [a, b] = [make('a', 50_000), make('b', 90_000)];
    call(b, 'b', a, 'a', 100);
    call(b, 'b', a, 'a', 200);
    const late = b.message('a', 300);
    const reborn = make('b', 10_000);
    call(reborn, 'b', a, 'a', 20_000);
    // It has heard of us by now.
    call(reborn, 'b', a, 'a', 20_100);
    expect(a.live(20_100)).toEqual(['a', 'b']);
    expect(a.message('b', 20_100).to).toBe(10_000);
    a.receive('b', late, 20_200);
    expect(a.message('b', 20_200).to).toBe(10_000);
  });

  it('is not taken for alive by what it sent before it died', () => {
    const [a, old, b] = [make('a', 50_000), make('b', 95_000), make('b', 90_000)];
    const late = [old.message('a', 10), old.message('a', 20), old.message('a', 30)];
    call(b, 'b', a, 'a', 100);
    for (const message of late) a.receive('b', message, 200);
    expect(a.message('b', 300).to).toBe(90_000);
  });
});

describe('members', () => {
  it('that were never heard are not live, however young the process is', () => {
    const budgets = new Budgets({
      self: 'a',
      incarnation: 1,
      times: TIMES,
      limit: () => 1,
      rest: () => 0,
      patience: () => 0,
    });
    budgets.setNames(['a', 'b'], 0);
    expect(budgets.live(0)).toEqual(['a']);
    expect(budgets.live(5000)).toEqual(['a']);
  });
});
