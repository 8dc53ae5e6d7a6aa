import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDomain, isMailbox, parsePath } from './path.ts';

describe('parsePath', () => {
  it.each([
    ['<>', '', ''],
    ['<anna@example.test>', 'anna@example.test', ''],
    [' <anna@example.test> SIZE=1', 'anna@example.test', 'SIZE=1'],
    ['<@a.test,@b.test:anna@example.test>', 'anna@example.test', ''],
    ['<"a > b"@example.test>', '"a > b"@example.test', ''],
    ['<"a\\">b"@example.test> BODY=7BIT', '"a\\">b"@example.test', 'BODY=7BIT'],
    ['<Anna@XN--Mnchen-3ya.DE>', 'Anna@XN--Mnchen-3ya.DE', ''],
  ])('%s', (text, address, rest) => {
    expect(parsePath(text)).toEqual({ address, rest });
  });

  it.each(['', 'anna@example.test', '<anna@example.test', '<a<b>@c.test>', '<a@b.test>SIZE=1', '<@a.test>'])(
    'refuses %s',
    (text) => {
      expect(parsePath(text)).toBeUndefined();
    },
  );

  it('reads octets above 127 as UTF-8, and refuses what is none', () => {
    const octets = Buffer.from('<jörg@münchen.test> X').toString('latin1');
    expect(parsePath(octets)).toEqual({ address: 'jörg@münchen.test', rest: 'X' });
    expect(parsePath('<jos\xe9@example.test>')).toBeUndefined();
  });

  it('keeps any mailbox byte for byte', () => {
    const atom = fc.string({
      unit: fc.constantFrom(..."abzAZ09!#$%&'*+-/=?^_`{|}~"),
      minLength: 1,
      maxLength: 20,
    });
    const quoted = fc
      .string({ unit: fc.constantFrom(' ', '@', '>', '<', ':', ',', '\\"', '\\\\', 'a', '.'), maxLength: 20 })
      .map((text) => `"${text}"`);
    const domain = fc.constantFrom(
      'example.test',
      'Example.TEST',
      'xn--bcher-kva.test',
      '[192.0.2.1]',
      '[IPv6:::1]',
    );
    fc.assert(
      fc.property(fc.oneof(atom, quoted), domain, (local, host) => {
        const address = `${local}@${host}`;
        expect(isMailbox(address)).toBe(true);
        expect(parsePath(`<${address}>`)).toEqual({ address, rest: '' });
      }),
    );
  });

  it('ends for any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', '"', '\\', '@', ':', ',', 'a', ' ') }),
        (text) => {
          parsePath(text);
        },
      ),
    );
  });
});

describe('isMailbox', () => {
  it.each([
    'a',
    '@example.test',
    'a@',
    '.a@example.test',
    'a.@example.test',
    'a..b@example.test',
    'a b@example.test',
    'a@b@example.test',
    '"a@example.test',
    '"a"b@example.test',
    'a@-x.test',
    'a@x..test',
    'a@example.test.',
    'a@[192.0.2.256]',
    'a@[IPv6:::g]',
    'a@[x-tag:content]',
    `${'a'.repeat(250)}@example.test`,
  ])('refuses %s', (address) => {
    expect(isMailbox(address)).toBe(false);
  });

  it('takes long local parts, single labels and underscores', () => {
    expect(isMailbox(`${'a'.repeat(200)}@example.test`)).toBe(true);
    expect(isMailbox('root@localhost')).toBe(true);
    expect(isMailbox('a@mail_out.example.test')).toBe(true);
  });
});

describe('isDomain', () => {
  it('limits labels to 63 octets', () => {
    expect(isDomain(`${'a'.repeat(63)}.test`)).toBe(true);
    expect(isDomain(`${'a'.repeat(64)}.test`)).toBe(false);
  });
});
