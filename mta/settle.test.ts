import { describe, expect, it } from 'vitest';
import type { Job, StoredReply } from './queue/types.ts';
import { decide, forAll, reconcile, type SettleRules } from './settle.ts';

const job: Job = { destination: 'mx:a.test', recipients: [0, 1, 2], attempts: 2, dueAt: 0 };
const rules: SettleRules = { now: 1000, expiresAt: 100_000, delay: 500, warnAfter: 0, arrivedAt: 0 };
const reply = (code: number, enhanced: string, text = 'text'): StoredReply => ({ code, enhanced, text });
const ok = reply(250, '2.0.0');
const busy = reply(451, '4.3.0');
const no = reply(550, '5.1.1');

describe('decide', () => {
  it('ends what was taken and what was refused for good, and defers the rest', () => {
    const results = [ok, no, busy].map((reply, recipient) => ({ recipient, reply }));
    const { ended, deferred } = decide(job, results, rules);
    expect(ended).toEqual([
      { recipient: 0, outcome: 'delivered', reply: ok },
      { recipient: 1, outcome: 'bounced', reply: no },
    ]);
    expect(deferred).toEqual([{ ...job, recipients: [2], attempts: 3, dueAt: 1500, lastReply: busy }]);
  });

  it('expires what is deferred when its time is over', () => {
    const { ended, deferred } = decide(job, forAll(job, busy), { ...rules, now: 100_000 });
    expect(ended.map(({ outcome }) => outcome)).toEqual(['expired', 'expired', 'expired']);
    expect(deferred).toEqual([]);
  });

  it('expires nothing while the clock is not trusted, nor what is held', () => {
    const late = { ...rules, now: 200_000 };
    expect(decide(job, forAll(job, busy), { ...late, expiresAt: undefined }).ended).toEqual([]);
    expect(decide({ ...job, held: true }, forAll(job, busy), late).ended).toEqual([]);
  });

  it('makes the last attempt when the message expires', () => {
    const { deferred } = decide(job, forAll(job, busy), { ...rules, now: 99_000, delay: 3_600_000 });
    expect(deferred[0]!.dueAt).toBe(100_000);
  });

  it('makes an attempt when the message is to be delivered by, where that is sooner', () => {
    const soon = { ...rules, now: 1000, delay: 1000 };
    const by = { ...job, deliverBy: 1500 };
    expect(decide(by, forAll(by, busy), soon).deferred).toMatchObject([{ dueAt: 1500, deliverBy: 1500 }]);
    // The attempt went on until after it: what is to be done then is not left to the next retry.
    const passed = decide(by, forAll(by, busy), { ...soon, now: 1600 });
    expect(passed.deferred).toMatchObject([{ dueAt: 1600 }]);
    // While nothing may expire, it must not be tried in a tight loop.
    const untrusted = decide(by, forAll(by, busy), { ...soon, now: 1600, expiresAt: undefined });
    expect(untrusted.deferred).toMatchObject([{ dueAt: 2600 }]);
  });

  it('keeps to each recipient the reply that it got', () => {
    const other = reply(452, '4.2.2', 'full');
    const results = [busy, other, busy].map((reply, recipient) => ({ recipient, reply }));
    const { deferred } = decide(job, results, rules);
    expect(deferred.map(({ recipients, lastReply }) => [recipients, lastReply])).toEqual([
      [[0, 2], busy],
      [[1], other],
    ]);
  });

  it('sends what was over a limit of recipients at once, if others were taken', () => {
    const over = reply(452, '4.5.3', 'Too many recipients');
    const mixed = [ok, ok, over].map((reply, recipient) => ({ recipient, reply }));
    expect(decide(job, mixed, rules).deferred[0]!.dueAt).toBe(1000);
    expect(decide(job, forAll(job, over), rules).deferred[0]!.dueAt).toBe(1500);
  });

  it('goes on with a recipient that nobody answered for', () => {
    const { ended, deferred } = decide(job, [{ recipient: 0, reply: ok }], rules);
    expect(ended.map(({ recipient }) => recipient)).toEqual([0]);
    expect(deferred.flatMap(({ recipients }) => recipients)).toEqual([1, 2]);
  });

  it('warns once of a delay', () => {
    const warning = { ...rules, warnAfter: 900 };
    const first = decide(job, forAll(job, busy), warning);
    expect(first.late).toEqual([0, 1, 2]);
    expect(first.deferred[0]!.delayWarned).toBe(true);
    expect(decide(first.deferred[0]!, forAll(job, busy), warning).late).toEqual([]);
    expect(decide(job, forAll(job, busy), { ...warning, now: 800 }).late).toEqual([]);
  });

  it('warns with the next attempt where the sender gets a bounce now', () => {
    const warning = { ...rules, warnAfter: 900 };
    const results = [no, busy, busy].map((reply, recipient) => ({ recipient, reply }));
    const { late, deferred } = decide(job, results, warning);
    expect(late).toEqual([]);
    expect(decide(deferred[0]!, forAll(deferred[0]!, busy), warning).late).toEqual([1, 2]);
  });
});

describe('reconcile', () => {
  const after = { ...job, attempts: 3 };

  it('does not bring back a recipient that was removed during the attempt', () => {
    expect(reconcile([{ ...job, recipients: [1] }], [after])).toEqual([{ ...after, recipients: [1] }]);
    expect(reconcile([], [after])).toEqual([]);
  });

  it('holds what was held during the attempt', () => {
    expect(reconcile([{ ...job, held: true }], [after])[0]!.held).toBe(true);
  });
});
