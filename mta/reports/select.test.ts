import { describe, expect, it } from 'vitest';
import type { Envelope } from '../envelope.ts';
import type { Job, StoredReply } from '../queue/types.ts';
import type { Decision } from '../settle.ts';
import { type Answered, toReport } from './select.ts';

const reply: StoredReply = { code: 250, enhanced: '2.0.0', text: 'Ok' };
const NOTIFY = [undefined, ['NEVER'], ['SUCCESS'], ['FAILURE'], ['DELAY'], ['SUCCESS', 'FAILURE']];
const envelope: Envelope = {
  from: 'anna@example.test',
  recipients: NOTIFY.map((notify, i) => ({ address: `${i}@example.org`, ...(notify && { notify }) })),
  arrivedAt: 0,
  origin: { listener: 'submission', protocol: 'ESMTPSA' },
};
const all = NOTIFY.map((_, recipient) => recipient);
const ended = (outcome: 'delivered' | 'bounced' | 'expired'): Decision => ({
  ended: all.map((recipient) => ({ recipient, outcome, reply })),
  ...{ deferred: [], late: [] },
});
const late: Decision = {
  ended: [],
  deferred: [
    { destination: 'mx:example.org', recipients: all, attempts: 1, dueAt: 1, lastReply: reply } as Job,
  ],
  late: all,
};
const of = (decision: Decision, answered: Partial<Answered> = {}, more: Partial<Envelope> = {}) =>
  toReport(
    { ...envelope, ...more },
    decision,
    { isStore: false, notifies: false, deliversBy: false, ...answered },
    7,
    true,
  ).map(({ recipient, action }) => `${recipient} ${action}`);

describe('of whom the sender hears', () => {
  // RFC 3461 §5.2.6
  it.each(['bounced', 'expired'] as const)('%s: who asked for FAILURE, or for nothing', (outcome) => {
    expect(of(ended(outcome))).toEqual(['0 failed', '3 failed', '5 failed']);
    expect(of(ended(outcome), { notifies: true })).toHaveLength(3);
  });

  // RFC 3461 §5.2.5
  it('late: who asked for DELAY, or for nothing', () => {
    expect(of(late)).toEqual(['0 delayed', '4 delayed']);
    expect(of({ ...late, late: [1, 4] })).toEqual(['4 delayed']);
  });

  // RFC 3461 §5.2.2
  it('relayed to who does not know DSN: who asked for SUCCESS', () => {
    expect(of(ended('delivered'))).toEqual(['2 relayed', '5 relayed']);
  });

  // RFC 3461 §5.2.3
  it('delivered to a store that does not know DSN: who asked for SUCCESS', () => {
    expect(of(ended('delivered'), { isStore: true })).toEqual(['2 delivered', '5 delivered']);
  });

  // RFC 3461 §5.2.1
  it('taken by who knows DSN: nobody, it is theirs to tell', () => {
    expect(of(ended('delivered'), { notifies: true })).toEqual([]);
    expect(of(ended('delivered'), { isStore: true, notifies: true })).toEqual([]);
  });

  // RFC 3461 §5.2
  it('of the null reverse-path: nobody, whatever came of it', () => {
    for (const decision of [ended('bounced'), ended('delivered'), late])
      expect(of(decision, {}, { from: '' })).toEqual([]);
  });

  it('has no time of a last attempt where no next hop was known', () => {
    const times = (wasTried: boolean) =>
      toReport(
        envelope,
        ended('expired'),
        { isStore: false, notifies: false, deliversBy: false },
        7,
        wasTried,
      ).map(({ lastAttemptAt }) => lastAttemptAt);
    expect(times(true)).toEqual([7, 7, 7]);
    expect(times(false)).toEqual([undefined, undefined, undefined]);
  });
});
