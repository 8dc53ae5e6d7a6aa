import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AppliedPolicy, type Bounds, MOST_LINES_BYTES, Tally, type TlsResult } from './tally.ts';

const none = (domain: string): AppliedPolicy => ({
  type: 'no-policy-found',
  domain,
  strings: [],
  mxHosts: [],
});
const tlsa = (domain: string): AppliedPolicy => ({ ...none(domain), type: 'tlsa', strings: ['3 1 1 aa'] });
const failed = (domain: string, reason?: string): TlsResult => ({
  ...{ domain, policy: none(domain) },
  failure: { result: 'validation-failure', host: 'mx.test', reason },
});
const good = (domain: string): TlsResult => ({ domain, policy: none(domain) });

const tallyOf = (results: readonly TlsResult[], bounds?: Bounds): Tally => {
  const tally = new Tally(bounds);
  for (const result of results) tally.add(result);
  return tally;
};
const WIDE: Bounds = { domains: 10, policies: 10, details: 10, bytes: 1e6, domainBytes: 1e6 };
const bytesOf = (lines: readonly string[]): number => Buffer.byteLength(`${lines.join('\n')}\n`);
const stored = (tally: Tally): string[] => [...tally.lines()];
const merged = (...tallies: Tally[]): Tally => {
  const all = new Tally();
  for (const line of tallies.flatMap(stored)) expect(all.take(line)).toBe(true);
  return all;
};

const results = fc.array(
  fc.record({
    domain: fc.constantFrom('a.test', 'b.test', 'c.test'),
    policy: fc.constantFrom(none('a.test'), tlsa('mx.a.test'), tlsa('mx.b.test')),
    failure: fc.option(
      fc.record({
        result: fc.constantFrom('validation-failure' as const, 'starttls-not-supported' as const),
        host: fc.constantFrom('mx1.test', 'mx2.test'),
        reason: fc.option(fc.constantFrom('this', 'that'), { nil: undefined }),
      }),
      { nil: undefined },
    ),
  }),
);

describe('a tally', () => {
  it('counts what kept to a policy, what did not, and why', () => {
    const tally = tallyOf([good('a.test'), good('a.test'), failed('a.test', 'x'), failed('a.test', 'x')]);
    expect(tally.policiesOf('a.test')).toMatchObject([{ succeeded: 2, failed: 2 }]);
    expect([...tally.policiesOf('a.test')[0]!.details.values()]).toEqual([
      { detail: { result: 'validation-failure', host: 'mx.test', reason: 'x' }, count: 2 },
    ]);
    expect(tally.domains()).toEqual(['a.test']);
  });

  it('keeps policies of one domain apart', () => {
    const tally = tallyOf([good('a.test'), { domain: 'a.test', policy: tlsa('mx.a.test') }]);
    expect(tally.policiesOf('a.test').map(({ policy }) => policy.type)).toEqual(['no-policy-found', 'tlsa']);
  });

  it('of several processes is the same as that of one, in whatever order they are put together', () => {
    fc.assert(
      fc.property(results, results, (one, other) => {
        const both = stored(tallyOf([...one, ...other]));
        expect(stored(merged(tallyOf(one), tallyOf(other)))).toEqual(both);
        expect(stored(merged(tallyOf(other), tallyOf(one)))).toEqual(both);
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['half a line', '{"format":1,'],
    ['another format', '{"format":2,"uncounted":0}'],
    ['less than no session', '{"format":1,"uncounted":-1}'],
    ['a domain alone', '{"domain":"a.test"}'],
    ['another type', '{"domain":"a.test","policies":[{"policy":{"type":"x"}}]}'],
  ])('takes nothing of %s', (_what, line) => {
    const tally = new Tally();
    expect(tally.take(line)).toBe(false);
    expect([tally.domains(), tally.uncounted]).toEqual([[], 0]);
  });

  it('has room for so many domains and policies, and counts what it leaves out', () => {
    const bounds = { ...WIDE, domains: 2, policies: 1 };
    const tally = tallyOf(
      [good('a.test'), good('b.test'), good('c.test'), { domain: 'a.test', policy: tlsa('mx.a.test') }],
      bounds,
    );
    expect([tally.domains(), tally.uncounted]).toEqual([['a.test', 'b.test'], 2]);
    for (const line of stored(tallyOf([failed('c.test'), good('c.test')]))) tally.take(line);
    expect(tally.uncounted).toBe(4);
  });

  it('tells the rest of too many kinds of failures by their result alone, and no session is missing', () => {
    const bounds = { ...WIDE, domains: 1, policies: 1, details: 3 };
    fc.assert(
      fc.property(fc.array(fc.string()), (reasons) => {
        const tally = tallyOf(
          reasons.map((reason) => failed('a.test', reason)),
          bounds,
        );
        const [counts] = tally.policiesOf('a.test');
        const details = [...(counts?.details.values() ?? [])];
        expect(details.length).toBeLessThanOrEqual(4);
        expect(details.reduce((sum, { count }) => sum + count, 0)).toBe(reasons.length);
        expect(counts?.failed ?? 0).toBe(reasons.length);
      }),
    );
  });

  it('is no longer than there is room for, whatever domains publish and hosts answer, and no session is missing', () => {
    const bounds = { ...WIDE, bytes: 9000, domainBytes: 4000 };
    const result = fc.record({
      domain: fc.constantFrom('a.test', 'b.test', 'c.test'),
      policy: fc.record({
        type: fc.constant('sts' as const),
        domain: fc.constant('a.test'),
        strings: fc.array(fc.string({ unit: 'binary', maxLength: 900 }), { maxLength: 50 }),
        mxHosts: fc.array(fc.string(), { maxLength: 100 }),
      }),
      failure: fc.option(
        fc.record({
          result: fc.constantFrom('validation-failure' as const, 'starttls-not-supported' as const),
          reason: fc.string({ unit: 'binary', maxLength: 200 }),
        }),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(fc.array(result), (all) => {
        const tally = tallyOf(all, bounds);
        expect(bytesOf(stored(tally))).toBeLessThanOrEqual(bounds.bytes);
        const counts = tally.domains().flatMap((domain) => tally.policiesOf(domain));
        const sessions = counts.reduce((sum, { succeeded, failed }) => sum + succeeded + failed, 0);
        expect(sessions + tally.uncounted).toBe(all.length);
        for (const { failed, details } of counts) {
          expect([...details.values()].reduce((sum, { count }) => sum + count, 0)).toBe(failed);
        }
        expect(stored(merged(tally)).slice(1)).toEqual(stored(tally).slice(1));
      }),
    );
  });

  it('keeps of a policy that is too long its beginning and its last line, as one policy', () => {
    const mxHosts = Array.from({ length: 1000 }, (_, i) => `${i}.mx.test`);
    const strings = ['version: STSv1', ...mxHosts.map((host) => `mx: ${host}`), 'x'.repeat(5000)];
    const long: AppliedPolicy = { type: 'sts', domain: 'a.test', strings, mxHosts };
    const tally = tallyOf([
      { domain: 'a.test', policy: long },
      { domain: 'a.test', policy: { ...long } },
    ]);
    const [kept, ...others] = tally.policiesOf('a.test');
    expect([kept?.succeeded, others]).toEqual([2, []]);
    expect(kept?.policy.strings).toEqual([...strings.slice(0, 31), 'x'.repeat(512)]);
    expect(kept?.policy.mxHosts).toEqual(mxHosts.slice(0, 64));
  });

  it('of few domains with long policies leaves room for others', () => {
    const tally = new Tally();
    for (let at = 0; at < 100 * 16; at += 1) {
      const strings = Array.from({ length: 32 }, (_, i) => `3 0 0 ${at}${'a'.repeat(5000)}${i}`);
      const domain = `d${at % 100}.test`;
      tally.add({ domain, policy: { ...tlsa(domain), strings } });
    }
    expect(tally.uncounted).toBeGreaterThan(0);
    expect(bytesOf(stored(tally))).toBeLessThan(MOST_LINES_BYTES / 2);
    const before = tally.uncounted;
    for (let at = 0; at < 5000; at += 1) tally.add(failed(`honest${at}.test`, 'x'));
    expect(tally.uncounted).toBe(before);
  });
});
