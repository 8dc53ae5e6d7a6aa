import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allows, LONGEST_AGE, parsePolicy, type StsPolicy } from './policy.ts';

const parse = (text: string) => parsePolicy(Buffer.from(text));
const GOOD =
  'version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n';
const POLICY: StsPolicy = { mode: 'enforce', maxAge: 604_800, mx: ['mail.example.com', '*.example.net'] };

describe('a policy (RFC 8461 §3.2)', () => {
  it.each<[string, string]>([
    ['with CRLF', GOOD],
    ['with LF', GOOD.replaceAll('\r', '')],
    ['without an end of the last line', GOOD.trimEnd()],
    ['with blanks at the ends of lines', GOOD.replaceAll('\r\n', ' \t\r\n')],
    ['without blanks after colons', GOOD.replaceAll(': ', ':')],
    ['with empty lines', `\r\n${GOOD}\r\n\n`],
    [
      'in any order',
      GOOD.split('\r\n')
        .reverse()
        .join('\n')
        .replace('*.example.net\nmx: mail.example.com', 'mail.example.com\nmx: *.example.net'),
    ],
    ['with fields that nobody knows', `x-y.z_1: grüße: a b\r\n${GOOD}Mode: none\r\nempty:\r\n`],
    ['of what is there twice, the first', `${GOOD}version: STSv2\r\nmode: none\r\nmax_age: 1\r\n`],
    ['with names in capitals', GOOD.replace('mail.example.com', 'MAIL.Example.COM')],
  ])('%s', (_what, text) => {
    expect(parse(text)).toEqual(POLICY);
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /no version/],
    ['no version', GOOD.replace(/version.*\r\n/, ''), /no version/],
    ['another version', GOOD.replace('STSv1', 'STSv2'), /version is not STSv1/],
    ['a version in another case', GOOD.replace('STSv1', 'stsv1'), /version is not STSv1/],
    ['a first version that is none', `version: 1\r\n${GOOD}`, /version is not STSv1/],
    ['no mode', GOOD.replace(/mode.*\r\n/, ''), /mode/],
    ['another mode', GOOD.replace('enforce', 'report'), /mode/],
    ['a mode in capitals', GOOD.replace('enforce', 'Enforce'), /mode/],
    ['no max_age', GOOD.replace(/max_age.*\r\n/, ''), /max_age/],
    ['a negative max_age', GOOD.replace('604800', '-1'), /max_age/],
    ['a max_age that is no integer', GOOD.replace('604800', '1e3'), /max_age/],
    ['a max_age above the highest', GOOD.replace('604800', String(LONGEST_AGE + 1)), /max_age/],
    ['a max_age of 11 digits', GOOD.replace('604800', '00000604800'), /max_age/],
    ['no mx', GOOD.replaceAll(/mx.*\r\n/g, ''), /names no mx/],
    ['an empty mx', `${GOOD}mx:\r\n`, /mx 3 of 3/],
    ['an mx with a wildcard within', GOOD.replace('*.example.net', 'a.*.example.net'), /mx 2 of 2/],
    ['an mx with a part of a wildcard', GOOD.replace('*.example.net', 'mx*.example.net'), /mx 2 of 2/],
    ['an mx of two wildcards', GOOD.replace('*.example.net', '*.*.example.net'), /mx 2 of 2/],
    ['an mx of a wildcard alone', GOOD.replace('*.example.net', '*'), /mx 2 of 2/],
    ['an mx in U-labels', GOOD.replace('mail.', 'grüße.'), /mx 1 of 2/],
    ['an mx that is an address', GOOD.replace('mail.example.com', '[192.0.2.1]'), /mx 1 of 2/],
    ['two mx on one line', GOOD.replace('mail.example.com', 'a.test, b.test'), /mx 1 of 2/],
    ['a page of HTML', `<!doctype html>\n<p>version: STSv1</p>`, /line 1 is not a field/],
    ['a blank before the colon', GOOD.replace('mode:', 'mode :'), /line 2 is not a field/],
    ['a blank before a name', GOOD.replace('mode:', ' mode:'), /line 2 is not a field/],
    ['a control character', GOOD.replace('enforce', 'enforce\0'), /line 2 is not a field/],
    ['a CR alone', GOOD.replace('enforce\r\n', 'enforce\r'), /line 2 is not a field/],
    ['a byte order mark', `\ufeff${GOOD}`, /line 1 is not a field/],
  ])('is none with %s', (_what, text, why) => {
    expect(parse(text)).toMatch(why);
  });

  it('is none where it is not UTF-8', () => {
    expect(parsePolicy(Buffer.from(`${GOOD}x: \xff\r\n`, 'latin1'))).toBe('it is not UTF-8');
  });

  it('needs no mx in mode none, and may count for no time at all', () => {
    const none = { mode: 'none', maxAge: 0, mx: [] };
    expect(parse('version: STSv1\nmode: none\nmax_age: 0\n')).toEqual(none);
  });

  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
  const policy = fc.record({
    mode: fc.constantFrom('enforce' as const, 'testing' as const),
    maxAge: fc.integer({ min: 0, max: LONGEST_AGE }),
    mx: fc.array(
      fc.tuple(fc.constantFrom('', '*.'), host).map((parts) => parts.join('')),
      { minLength: 1 },
    ),
  });

  it('is read as it was written, whatever ends its lines', () => {
    fc.assert(
      fc.property(policy, fc.constantFrom('\n', '\r\n', ' \r\n'), ({ mode, maxAge, mx }, end) => {
        const lines = [
          `max_age:${maxAge}`,
          ...mx.map((name) => `mx: ${name}`),
          `mode: ${mode}`,
          'version: STSv1',
        ];
        expect(parse(lines.join(end))).toEqual({ mode, maxAge, mx });
      }),
    );
  });

  it('of anything, is a policy within its bounds, or a sentence', () => {
    const lines = fc.constantFrom(
      'version: STSv1',
      'mode: enforce',
      'mode: none',
      'mx: a.b',
      'mx: *.c',
      'max_age: 9',
      'x',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(lines, fc.string())), (given) => {
        const parsed = parse(given.join('\n'));
        if (typeof parsed === 'string') return;
        expect(parsed.maxAge).toBeLessThanOrEqual(LONGEST_AGE);
        expect(parsed.mode === 'none' || parsed.mx.length > 0).toBe(true);
      }),
    );
  });
});

describe('hosts that a policy allows (RFC 8461 §4.1)', () => {
  it.each<[string, boolean]>([
    ['mail.example.com', true],
    ['MAIL.example.COM', true],
    ['mail.example.com.', true],
    ['x.mail.example.com', false],
    ['example.com', false],
    ['mx1.example.net', true],
    ['example.net', false],
    ['a.b.example.net', false],
    ['.example.net', false],
    ['mx1.example.net.evil.test', false],
    ['*.example.net', true],
    ['', false],
  ])('%s: %s', (host, expected) => {
    expect(allows(POLICY, host)).toBe(expected);
  });
});
