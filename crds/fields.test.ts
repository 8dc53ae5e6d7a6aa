import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { addressPattern, cidr, domainName, domainPattern, duration, host, port, quantity } from './fields.ts';
import { mapList, setList } from './rules.ts';

const table: readonly [string, z.ZodType, readonly unknown[], readonly unknown[]][] = [
  [
    'domain name',
    domainName(),
    ['example.org', 'bücher.example', 'localhost', '_x.a'],
    ['', 'a.', '.a', 'a..b', 'a b', '*.a', 'a@b', 'http://a'],
  ],
  [
    'domain pattern',
    domainPattern(),
    ['*', '*.example.org', 'example.org'],
    ['', '**', '*example.org', 'a.*', '*.'],
  ],
  [
    'address pattern',
    addressPattern(),
    ['anna@example.org', '*@example.org', 'a+b@c'],
    ['anna', '@a', 'a@', '*', 'a*@b', 'a@*'],
  ],
  ['host', host(), ['mx.example.org', '192.0.2.1', '2001:db8::1'], ['', '[::1]', 'a/b', 'a b']],
  [
    'network',
    cidr(),
    ['10.0.0.0/8', '::1/128', '192.0.2.1', '::1'],
    ['', '10.0.0.0/33', '300.1.1.1', 'localhost', '10/8'],
  ],
  ['duration', duration(), ['5m', '1h30m', '0s'], ['5d', '5', '', '-5m', 5]],
  ['quantity', quantity(), ['50Mi', 0, 1024, '1k'], ['50MB', -1, 1.5, '', '1e3']],
];

describe.each(table)('%s', (_, schema, good, bad) => {
  it.each(good.map((value) => [value]))('takes %j', (value) =>
    expect(schema.safeParse(value).success).toBe(true),
  );
  it.each(bad.map((value) => [value]))('refuses %j', (value) =>
    expect(schema.safeParse(value).success).toBe(false),
  );
});

describe('lists', () => {
  it('a set has nothing twice', () => {
    const { error } = setList(duration(), 3).safeParse(['1s', '2s', '1s']);
    expect(error?.issues).toMatchObject([{ path: [2], message: 'stands twice in this list' }]);
  });

  it('a map has no key twice', () => {
    const schema = mapList(z.strictObject({ name: host(), port: port() }), ['name'], 3);
    const entries = (...names: string[]) => names.map((name, index) => ({ name, port: index + 1 }));
    expect(schema.safeParse(entries('a', 'b')).success).toBe(true);
    expect(schema.safeParse(entries('a', 'b', 'a')).success).toBe(false);
  });
});
