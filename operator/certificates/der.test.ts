import { expect, it } from 'vitest';
import { integer, oid, time } from './der.ts';

it.each([
  [integer(Buffer.from([0, 0, 0x7f])), '02017f'],
  [integer(Buffer.from([0x80])), '02020080'],
  [integer(Buffer.from([0])), '020100'],
  [oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
  [time(Date.UTC(2049, 11, 31, 23, 59, 59)), '170d3439313233313233353935395a'],
  [time(Date.UTC(2050, 0, 1)), '180f32303530303130313030303030305a'],
])('%#', (bytes, hex) => {
  expect(bytes.toString('hex')).toBe(hex);
});
