import { expect, it } from 'vitest';
import { sourceAddress } from './source.ts';

const own = ['127.0.0.1', '10.1.2.3', '192.0.2.17', '::1', 'fd00::5', '2001:db8::17'];

it.each([
  [['192.0.2.0/24'], '198.51.100.1', '192.0.2.17'],
  [['192.0.2.0/24', '2001:db8::/32'], '2001:db8:ffff::1', '2001:db8::17'],
  [['10.0.0.0/8', '192.0.2.0/24'], '198.51.100.1', '10.1.2.3'],
  [['192.0.2.17'], '198.51.100.1', '192.0.2.17'],
  [['192.0.2.0/24'], '2001:db8:ffff::1', undefined],
  [['203.0.113.0/24'], '198.51.100.1', undefined],
])('of %j, to %s: %s', (networks, nextHop, expected) =>
  expect(sourceAddress(networks, own, nextHop)).toBe(expected),
);
