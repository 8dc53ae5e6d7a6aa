import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { issuer } from '../../test/support/issuer.ts';
import { certificateFor, firstOfEachKind } from './server-name.ts';

const authority = issuer('servers');
const of = (...names: string[]) => new X509Certificate(authority.issue(names).crt);
const withoutNames = new X509Certificate(authority.issue([], { subject: 'cn.test' }).crt);

const all = [
  of('mx.example.test'),
  of('*.example.test'),
  of('b.example.test', 'c.test'),
  of('c.test'),
  withoutNames,
];

it.each([
  ['mx.example.test', 0],
  ['a.example.test', 1],
  ['b.example.test', 2],
  ['B.Example.Test', 2],
  ['c.test', 2],
  ['cn.test', 4],
  ['example.test', 0],
  ['a.b.example.test', 0],
  ['elsewhere.test', 0],
  ['', 0],
  ['.example.test', 0],
  ['*.example.test', 0],
  ['c.test.', 0],
  ['c.test\0', 0],
  ['192.0.2.1', 0],
  [`${'a'.repeat(60)}.`.repeat(5), 0],
])('%j is for certificate %i', (name, place) => {
  expect(certificateFor(all, name)).toBe(place);
});

it('a second certificate of the same kind of key is not one of the first', () => {
  expect(firstOfEachKind([of('a.test', 'b.test'), of('b.test', 'a.test'), of('c.test')])).toEqual([0]);
});
