import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DestinationTally } from './job-table.ts';
import { type IndexedMessage, MessageIndex } from './message-index.ts';
import type { Job } from './types.ts';

const REPLIES = [
  { code: 451, enhanced: '4.7.1', text: 'Greylisted\nfor \0 300 s', remote: 'mx.a.test' },
  { code: 450, enhanced: '4.2.0', text: '' },
];

const job = fc
  .record({
    destination: fc.constantFrom('mx:a.test', 'mx:b.test', 'relay:x'),
    recipients: fc.uniqueArray(fc.nat(1200), { minLength: 1, maxLength: 4 }),
    attempts: fc.nat(70_000),
    dueAt: fc.constantFrom(0, 10, 10.5, 20, 2 ** 43),
    held: fc.boolean(),
    delayWarned: fc.boolean(),
    deliverBy: fc.constantFrom(undefined, undefined, 0, 2 ** 43),
    priority: fc.integer({ min: -9, max: 9 }),
    reply: fc.constantFrom(undefined, ...REPLIES),
  })
  .map(
    ({ held, delayWarned, deliverBy, priority, reply, ...rest }): Job => ({
      ...rest,
      ...(held ? { held } : {}),
      ...(delayWarned ? { delayWarned } : {}),
      ...(deliverBy === undefined ? {} : { deliverBy }),
      ...(priority === 0 ? {} : { priority }),
      ...(reply ? { lastReply: reply } : {}),
    }),
  );

const action = fc.record({
  what: fc.constantFrom('put', 'put', 'put', 'remove', 'move', 'setJobs', 'forget'),
  sequence: fc.oneof(fc.nat(8), fc.constant(2 ** 40)),
  arrivedAt: fc.nat(20),
  segment: fc.nat(4),
  sender: fc.constantFrom('', 'anna', 'berta'),
  jobs: fc.array(job, { maxLength: 3 }),
});

function messageOf({
  sequence,
  arrivedAt,
  segment,
  sender,
  jobs,
}: typeof action extends fc.Arbitrary<infer A> ? A : never): IndexedMessage {
  return {
    ...{ sequence, arrivedAt, segment, sender, jobs },
    size: 2 ** 33 + arrivedAt,
    body: arrivedAt % 3 === 0 ? `body ${sequence}` : undefined,
    offset: 2 ** 32 + sequence,
    length: (sequence % 9) + 1,
  };
}

const JOB: Job = { destination: 'mx:a.test', recipients: [0], attempts: 0, dueAt: 0 };

const newTally = (): DestinationTally => ({ deferred: 0 });

const bySequence = (a: IndexedMessage, b: IndexedMessage): number => a.sequence - b.sequence;

describe('the index', () => {
  it('holds what was put into it, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const index = new MessageIndex();
        const model = new Map<number, IndexedMessage>();
        for (const each of actions) {
          const { what, sequence, segment, jobs } = each;
          const known = model.get(sequence);
          const to = { segment, offset: 1, length: 7 };
          if (what === 'put') {
            index.put(messageOf(each));
            model.set(sequence, messageOf(each));
          } else if (what === 'remove') {
            expect(index.remove(sequence)).toBe(model.delete(sequence));
          } else if (what === 'move') {
            index.move(sequence, to);
            if (known) model.set(sequence, { ...known, ...to });
          } else if (what === 'setJobs') {
            index.setJobs(sequence, jobs);
            if (known) model.set(sequence, { ...known, jobs });
          } else {
            index.forget(segment);
            for (const one of [...model.values()]) if (one.segment < segment) model.delete(one.sequence);
          }
          expect(index.oldest).toBe(Math.min(...[...model.values()].map((one) => one.arrivedAt)));
        }
        const all = [...model.values()].sort(bySequence);
        expect([...index.values()].sort(bySequence)).toEqual(all);
        for (const one of all) expect(index.get(one.sequence)).toEqual(one);
        expect(index.get(99)).toBeUndefined();
        expect(new Set(index.bodies())).toEqual(new Set(all.flatMap(({ body }) => body ?? [])));
        const sum = (of: (one: IndexedMessage) => number): number => all.reduce((n, one) => n + of(one), 0);
        expect(index.size).toBe(all.length);
        expect(index.oldest).toBe(Math.min(...all.map((one) => one.arrivedAt)));
        expect(index.bytes).toBe(sum(({ size }) => size));
        expect(index.totalLiveBytes).toBe(sum(({ length }) => length));
        for (const at of [0, 1, 2, 3, 4]) {
          const inSegment = all.filter(({ segment }) => segment === at);
          expect(index.liveBytes(at)).toBe(inSegment.reduce((n, { length }) => n + length, 0));
          expect(index.inSegment(at).sort()).toEqual(inSegment.map(({ sequence }) => sequence).sort());
        }
      }),
    );
  });

  it('counts as a walk over all messages would', () => {
    fc.assert(
      fc.property(fc.array(action), fc.constantFrom(-1, 10, 15, 2 ** 44), (actions, now) => {
        const index = new MessageIndex();
        for (const each of actions) {
          if (each.what === 'remove') index.remove(each.sequence);
          else index.put(messageOf(each));
        }
        const jobs = [...index.values()].flatMap((message) => message.jobs);
        const stateOf = (one: Job) => (one.held ? 'held' : one.dueAt > now ? 'deferred' : 'due');
        const counts = { due: 0, deferred: 0, held: 0 };
        const walked = { ...counts };
        index.countRecipients(now, counts);
        for (const one of jobs) walked[stateOf(one)] += one.recipients.length;
        expect(counts).toEqual(walked);

        const destinations = new Map(index.destinations());
        expect([...destinations.keys()].sort()).toEqual(
          [...new Set(jobs.map(({ destination }) => destination))].sort(),
        );
        const tallies = new Map(
          ['mx:a.test', 'mx:b.test', 'mx:never.test'].map((each) => [each, newTally()]),
        );
        for (const _ of index.tally(now, tallies));
        expect(tallies.get('mx:never.test')).toEqual(newTally());
        for (const [destination, count] of destinations) {
          const its = jobs.filter((one) => one.destination === destination);
          expect(count).toBe(its.length);
          const tally = tallies.get(destination);
          if (tally === undefined) continue;
          expect(tally.deferred).toBe(its.filter((one) => stateOf(one) === 'deferred').length);
          const replies = its.flatMap(({ lastReply }) => lastReply ?? []);
          if (replies.length === 0) expect(tally.lastReply).toBeUndefined();
          else expect(replies).toContainEqual(tally.lastReply);
        }
        for (const destination of [undefined, 'mx:a.test', 'mx:never.test']) {
          for (const held of [undefined, true, false]) {
            const wanted = [...index.values()].filter((message) =>
              message.jobs.some(
                (one) =>
                  (destination === undefined || one.destination === destination) &&
                  (held === undefined || (one.held === true) === held),
              ),
            );
            expect([...index.select(destination, held)].flat().sort()).toEqual(
              wanted.map(({ sequence }) => sequence).sort(),
            );
          }
        }
      }),
    );
  });

  it('may change while it is walked', () => {
    const index = new MessageIndex();
    const put = (sequence: number) =>
      index.put(messageOf({ what: 'put', sequence, arrivedAt: 1, segment: 1, sender: '', jobs: [] }));
    for (let n = 0; n < 100; n += 1) put(n);
    const seen: number[] = [];
    for (const sequence of index.sequences()) {
      seen.push(sequence);
      if (sequence % 10 === 0) index.remove(sequence + 1);
      if (sequence % 10 === 5 && sequence < 100) put(1000 + sequence);
    }
    const stayed = Array.from({ length: 100 }, (_, n) => n).filter((n) => n % 10 !== 1);
    expect(seen.filter((n) => n < 100).sort((a, b) => a - b)).toEqual(stayed);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('searches what was there when the search began, whatever comes and goes', () => {
    const index = new MessageIndex();
    const put = (sequence: number) =>
      index.put(messageOf({ what: 'put', sequence, arrivedAt: 1, segment: 1, sender: '', jobs: [JOB] }));
    for (let n = 0; n < 10_000; n += 1) put(n);
    const search = index.select(undefined, undefined);
    // In the row of one that has left, and with a lower number than others have, as it was long in coming.
    index.remove(7000);
    put(7000);
    const found: number[] = [];
    for (const step of search) {
      expect(step.length).toBeLessThan(5000);
      found.push(...step);
      index.remove(9000);
      put(20_000 + found.length);
    }
    const stayed = Array.from({ length: 10_000 }, (_, n) => n).filter((n) => n !== 7000 && n !== 9000);
    expect(found).toEqual(stayed);
  });
});
