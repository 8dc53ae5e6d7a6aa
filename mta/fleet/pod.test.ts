import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../config.ts';
import { testConfig, testRelay } from '../route/testing/config.ts';
import { testClock } from '../schedule/testing/world.ts';
import type { Grant } from './fair-split.ts';
import { Pod } from './pod.ts';

const MX = 'connections mx:a.test';
const RATE = 'rate relay:mail/out';

const relayed = (messages: number, seconds: number) =>
  testConfig({
    relays: [
      testRelay({
        resource: 'MailRelay/mail/out',
        limits: { connections: 4, messagesPerConnection: 10, rate: { messages, seconds } },
      }),
    ],
  });

/** A pod that is alone, and its workers: what each was granted, and what it says. */
function world(config: MtaConfig = testConfig()) {
  const clock = testClock();
  class Worker {
    readonly grants = new Map<string, Grant>();
    say(id: string, want: number, use: number): void {
      pod.needs(this, [{ id, want, use, by: this.grants.get(id)?.number ?? 0 }]);
    }
    has(id: string): number {
      return this.grants.get(id)?.tokens ?? 0;
    }
  }
  const pod = new Pod<Worker>({
    self: 'mta-0',
    config,
    clock,
    send(worker, grants) {
      for (const grant of grants) worker.grants.set(grant.id, grant);
    },
  });
  return { pod, clock, worker: () => new Worker() };
}

describe('a pod', () => {
  it('gives one worker all that there is, and both their half', () => {
    const { worker } = world();
    const [one, other] = [worker(), worker()];
    one.say(MX, 30, 0);
    expect(one.has(MX)).toBe(10);
    one.say(MX, 30, 10);
    other.say(MX, 30, 0);
    expect(other.has(MX)).toBe(0);
    // It has heard of it, and closes what is beyond.
    one.say(MX, 30, 5);
    expect([one.has(MX), other.has(MX)]).toEqual([5, 5]);
  });

  it('has one probe for all of its workers, which goes round', async () => {
    const { worker, clock, pod } = world();
    const workers = [worker(), worker()];
    const id = 'probe mx:a.test';
    const had = new Set<number>();
    for (let second = 0; second < 6; second += 1) {
      for (const each of workers) each.say(id, 1, 0);
      for (const each of workers) each.say(id, 1, 0);
      const holders = workers.filter((each) => each.has(id) > 0);
      expect(holders.length).toBeLessThanOrEqual(1);
      for (const holder of holders) had.add(workers.indexOf(holder));
      await clock.move(1000);
      pod.refresh();
    }
    expect([...had].sort()).toEqual([0, 1]);
  });

  it('takes back what a new config no longer allows', () => {
    const { worker, pod } = world();
    const one = worker();
    one.say(MX, 30, 0);
    const { delivery } = testConfig();
    pod.load(testConfig({ delivery: { ...delivery, connectionsPerDestination: 3 } }));
    expect(one.has(MX)).toBe(3);
  });

  it('says what is wanted, in use and allowed', () => {
    const { worker, pod } = world();
    worker().say(MX, 7, 0);
    expect(pod.state()).toEqual([{ id: MX, want: 7, use: 10, tokens: 10 }]);
  });
});

describe('a worker that has died', () => {
  it('leaves its connections to the other at once', () => {
    const { worker, pod } = world();
    const [one, other] = [worker(), worker()];
    one.say(MX, 10, 0);
    one.say(MX, 10, 10);
    other.say(MX, 10, 0);
    expect(other.has(MX)).toBe(0);
    pod.gone(one);
    expect(other.has(MX)).toBe(10);
  });

  it('has no say any more: what it said last may arrive after its end', () => {
    const { worker, pod } = world();
    const one = worker();
    one.say(MX, 10, 0);
    pod.gone(one);
    one.say(MX, 10, 10);
    expect(pod.state()).toEqual([]);
    const next = worker();
    next.say(MX, 10, 0);
    expect(next.has(MX)).toBe(10);
  });

  it('has spent what it has spent of a rate, for a period from then', async () => {
    const { worker, pod, clock } = world(relayed(10, 60));
    const one = worker();
    one.say(RATE, 8, 0);
    one.say(RATE, 8, 8);
    pod.gone(one);
    const next = worker();
    next.say(RATE, 10, 0);
    expect(next.has(RATE)).toBe(2);
    expect(pod.state()).toMatchObject([{ id: RATE, want: 18, use: 10 }]);
    await clock.move(59_000);
    pod.refresh();
    expect(next.has(RATE)).toBe(2);
    await clock.move(3000);
    pod.refresh();
    expect(next.has(RATE)).toBe(10);
  });
});
