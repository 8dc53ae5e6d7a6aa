import { describe, expect, it } from 'vitest';
import { overdue } from './overdue.ts';
import type { Job } from './queue/types.ts';

const JOB: Job = { destination: 'mx:a.test', recipients: [0, 2], attempts: 3, dueAt: 50, deliverBy: 100 };
const LATER = { deliverBy: 100, deliverByMode: 'return' } as const;

describe('overdue', () => {
  it('returns all recipients at the deliver-by-time of mode R, and not before', () => {
    expect(overdue(JOB, LATER, 99)).toBeUndefined();
    expect(overdue(JOB, LATER, 100)).toMatchObject({
      ended: [0, 2].map((recipient) => ({ recipient, outcome: 'expired', reply: { enhanced: '5.4.7' } })),
      deferred: [],
      late: [],
    });
  });

  it('says what was said last, as that is why it is late', () => {
    const lastReply = { code: 450, enhanced: '4.2.0', text: 'Mailbox busy', remote: 'mx.a.test' };
    const text = (job: Job) => overdue(job, LATER, 100)?.ended[0]?.reply?.text;
    expect(text({ ...JOB, lastReply })).toBe('Delivery time expired: mx.a.test said 450 4.2.0 Mailbox busy');
    expect(text({ ...JOB, lastReply: { code: 451, enhanced: '', text: 'No' } })).toBe(
      'Delivery time expired: 451 No',
    );
    expect(text(JOB)).toBe('Delivery time expired');
  });

  it('returns in mode R what an older version has kept without its deadline', () => {
    const { deliverBy: _, ...job } = JOB;
    expect(overdue(job, LATER, 100)?.ended).toHaveLength(2);
  });

  it('has the sender told in mode N, once, and goes on', () => {
    const first = overdue(JOB, { ...LATER, deliverByMode: 'notify' }, 100)!;
    expect(first).toMatchObject({ ended: [], late: [0, 2], told: { enhanced: '4.4.7' } });
    const [job] = first.deferred;
    expect(job).toEqual({
      ...{ destination: 'mx:a.test', recipients: [0, 2], attempts: 3, dueAt: 50 },
      delayWarned: true,
    });
    expect(overdue(job!, { ...LATER, deliverByMode: 'notify' }, 200)).toBeUndefined();
  });

  it('leaves alone what a person holds', () => {
    expect(overdue({ ...JOB, held: true }, LATER, 200)).toBeUndefined();
  });
});
