import { expect, it } from 'vitest';
import { fromQuotedPrintable } from './quoted-printable.ts';

const decoded = (text: string): string => fromQuotedPrintable(Buffer.from(text, 'latin1')).toString('latin1');

it.each([
  ['octets', '=7B=22a=22=3a=C3=bc=7d', '{"a":\xc3\xbc}'],
  ['an equals sign', 'a=3D=3D41', 'a==41'],
  ['soft line breaks', 'a=\r\nb= \t\r\nc=\nd', 'abcd'],
  ['hard ones', 'a\r\nb\n', 'a\r\nb\n'],
  ['nothing', '', ''],
])('decodes %s', (_what, text, octets) => {
  expect(decoded(text)).toBe(octets);
});

it.each(['=', '=4', '=G1', '=1G', '= ', '=\r', 'a= b', '=\r\r\n', '=:0', '=@0', '=`0', '=g0'])(
  'leaves %j as it is',
  (text) => {
    expect(decoded(text)).toBe(text);
  },
);
