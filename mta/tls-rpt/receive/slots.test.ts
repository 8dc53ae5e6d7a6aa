import { expect, it } from 'vitest';
import { Slots } from './slots.ts';

it('has so many in all, and of one client', () => {
  const slots = new Slots(3, 2);
  const leave = slots.enter('192.0.2.1');
  slots.enter('192.0.2.1');
  expect(slots.enter('192.0.2.1')).toBeUndefined();
  const other = slots.enter('192.0.2.2');
  expect(slots.enter('192.0.2.3')).toBeUndefined();
  leave!();
  expect(slots.enter('192.0.2.1')).toBeDefined();
  other!();
  expect(slots.enter('192.0.2.1')).toBeUndefined();
  expect(slots.enter('192.0.2.3')).toBeDefined();
});

it.each([
  ['192.0.2.1', '::ffff:192.0.2.1'],
  ['2001:db8::1', '2001:db8::2:0:0:5'],
  ['2001:db8:0:1::1', '2001:db8:0:1:a:b:c:d'],
  ['fe80::1%eth0', 'fe80::2%eth1'],
  ['', ''],
])('takes %j and %j for one client', (one, other) => {
  const slots = new Slots(10, 1);
  expect(slots.enter(one)).toBeDefined();
  expect(slots.enter(other)).toBeUndefined();
});

it.each([
  ['192.0.2.1', '192.0.2.10'],
  ['2001:db8::1', '2001:db8:0:1::1'],
  ['2001:db8:1::', '2001:db8:2::'],
  ['2001:db8::1', ''],
])('takes %j and %j for two', (one, other) => {
  const slots = new Slots(10, 1);
  expect(slots.enter(one)).toBeDefined();
  expect(slots.enter(other)).toBeDefined();
});
