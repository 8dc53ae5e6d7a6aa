import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOf, limitsOf } from './limits.ts';

const NONE = Number.POSITIVE_INFINITY;
const of = (text: string) => limitsOf(new Map([['LIMITS', text]]));

describe('LIMITS', () => {
  it.each([
    ['RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1', { recipients: 20, transactions: 5, domains: 1 }],
    ['mailmax=7 OTHER=x FLAG', { recipients: NONE, transactions: 7, domains: NONE }],
    ['RCPTMAX=0 MAILMAX=-1 RCPTDOMAINMAX=1000000', { recipients: NONE, transactions: NONE, domains: NONE }],
    ['RCPTMAX=1x RCPTMAX RCPTMAX=', { recipients: NONE, transactions: NONE, domains: NONE }],
    ['', { recipients: NONE, transactions: NONE, domains: NONE }],
  ])('%j', (text, limits) => {
    expect(of(text)).toEqual(limits);
  });

  it('nobody has said is none', () => {
    expect(limitsOf(new Map())).toEqual({ recipients: NONE, transactions: NONE, domains: NONE });
  });
});

describe('a batch', () => {
  const to = ['a@x.test', 'b@y.test', 'c@X.TEST', 'd@z.test', 'e@y.test'];

  it.each([
    ['RCPTMAX=2', [], [0, 1]],
    ['RCPTDOMAINMAX=1', [], [0, 2]],
    ['RCPTDOMAINMAX=2', [], [0, 1, 2, 4]],
    ['RCPTDOMAINMAX=2 RCPTMAX=3', [], [0, 1, 2]],
    ['RCPTDOMAINMAX=2', ['z.test'], [0, 2, 3]],
    ['RCPTDOMAINMAX=1', ['other.test'], []],
    ['', ['other.test'], [0, 1, 2, 3, 4]],
  ])('of %s after %j is %j', (text, had, batch) => {
    expect(batchOf(to, of(text), new Set(had))).toEqual(batch);
  });

  it('of a new session is never empty, nor more than there may be', () => {
    const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: NONE });
    const address = fc.constantFrom(...to, 'postmaster');
    fc.assert(
      fc.property(fc.array(address, { minLength: 1 }), limit, limit, (addresses, recipients, domains) => {
        const batch = batchOf(addresses, { recipients, transactions: NONE, domains }, new Set());
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(recipients);
        const found = new Set(batch.map((at) => addresses[at]!.split('@')[1]?.toLowerCase()));
        expect(found.size).toBeLessThanOrEqual(domains);
      }),
    );
  });
});
