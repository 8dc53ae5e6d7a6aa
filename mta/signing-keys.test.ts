import { expect, it } from 'vitest';
import { signingKeys } from './signing-keys.ts';

const key = (length: number, fill = 1) => Buffer.alloc(length, fill);
const line = (bytes: Buffer) => `whsec_${bytes.toString('base64')}`;

it('takes one key, with or without a newline behind it', () => {
  expect(signingKeys(line(key(24)))).toEqual([key(24)]);
  expect(signingKeys(`${line(key(64))}\n`)).toEqual([key(64)]);
});

it('takes several, one on each line', () => {
  expect(signingKeys(`${line(key(24, 1))}\r\n${line(key(32, 2))}\n`)).toEqual([key(24, 1), key(32, 2)]);
});

it.each([
  ['nothing', ''],
  ['an empty line', '\n'],
  ['a key without its prefix', key(24).toString('base64')],
  ['a key that is too short', line(key(23))],
  ['a key that is too long', line(key(65))],
  ['what is not base64', `whsec_${'*'.repeat(32)}`],
  ['base64 of another alphabet', `whsec_${Buffer.alloc(24, 0xff).toString('base64url')}`],
  ['a space in it', `whsec_ ${key(24).toString('base64')}`],
  ['a good key and a bad one', `${line(key(24))}\nsecret`],
])('takes no key from %s', (_what, text) => {
  expect(signingKeys(text)).toBeUndefined();
});
