import { describe, expect, it } from 'vitest';
import { Account, compose } from './account.ts';

describe('the books of a chaos run', () => {
  it('miss what was answered and has not arrived', () => {
    const account = new Account();
    account.acknowledge('m1', { kill: 3, recipients: ['a@x', 'b@x'] });
    account.arrive(compose('m1', 100), ['a@x']);
    expect(account.missing).toBe(1);
    expect(account.totals().missing).toEqual(['m1 to b@x, answered after kill 3']);
  });

  it('count what arrives again, and what arrives before its answer', () => {
    const account = new Account();
    account.arrive(compose('m1', 100), ['a@x']);
    account.acknowledge('m1', { kill: 0, recipients: ['a@x'] });
    account.arrive(compose('m1', 100), ['a@x']);
    account.arrive(compose('m2', 10), ['a@x']);
    expect(account.missing).toBe(0);
    expect(account.totals()).toMatchObject({ acknowledged: 1, missing: [], duplicates: 1, unanswered: 1 });
  });

  it('see a message that is not as it was sent', () => {
    const account = new Account();
    account.arrive(`${compose('m1', 100).slice(0, -10)}\r\n`, ['a@x']);
    account.arrive('no id\r\n', ['a@x']);
    expect(account.totals().damaged).toEqual(['m1', 'no id\r\n']);
  });
});
