import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPattern, breadth, covers, domainName, domainPattern, overlap } from './names.ts';

describe('domain names', () => {
  it.each([
    ['Example.TEST', 'example.test'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['_dmarc.example', '_dmarc.example'],
    ['1.2.3', '1.2.3'],
    ['-a.test', undefined],
    ['a..test', undefined],
    [`${'a'.repeat(64)}.test`, undefined],
    ['a b.test', undefined],
  ])('%s is %s', (written, name) => expect(domainName(written)).toBe(name));

  it('patterns and addresses keep what is not the domain', () => {
    expect(domainPattern('*.Bücher.example')).toBe('*.xn--bcher-kva.example');
    expect(domainPattern('*')).toBe('*');
    expect(domainPattern('*.-a')).toBeUndefined();
    expect(addressPattern('Anna@Bücher.example')).toBe('Anna@xn--bcher-kva.example');
  });
});

const label = fc.constantFrom('a', 'b', 'c');
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const pattern = fc.oneof(
  name,
  name.map((below) => `*.${below}`),
  fc.constant('*'),
);
// What docs/kinds.md says of patterns.
const matches = (one: string, other: string) =>
  one === '*' || (one.startsWith('*.') ? other.endsWith(one.slice(1)) : one === other);

describe('patterns', () => {
  it('cover the names that they match', () => {
    fc.assert(fc.property(pattern, name, (one, other) => covers(one, other) === matches(one, other)));
  });

  it('that cover another match every name that it does', () => {
    fc.assert(
      fc.property(pattern, pattern, name, (one, other, each) => {
        fc.pre(covers(one, other) && matches(other, each));
        return matches(one, each);
      }),
    );
  });

  it('overlap if any name matches both', () => {
    fc.assert(
      fc.property(pattern, pattern, name, (one, other, each) => {
        fc.pre(matches(one, each) && matches(other, each));
        return overlap(one, other);
      }),
    );
  });

  it('are narrower than what covers them', () => {
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        fc.pre(one !== other && covers(one, other));
        return breadth(other) < breadth(one);
      }),
    );
  });
});
