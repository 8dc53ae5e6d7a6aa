import { describe, expect, it } from 'vitest';
import type { Delivery } from '../config.ts';
import { expiryOf, retryDelay } from './backoff.ts';

const retry = { initialSeconds: 60, factor: 2, maxSeconds: 3600, jitter: 0.5 };

describe('retryDelay', () => {
  it.each([
    [1, 60],
    [2, 120],
    [3, 240],
    [7, 3600],
    [10_000, 3600],
  ])('after attempt %i waits %i s in the middle of its spread', (attempts, seconds) => {
    expect(retryDelay(retry, attempts, 0.5)).toBe(seconds * 1000);
  });

  it('spreads by the jitter on both sides', () => {
    expect(retryDelay(retry, 1, 0)).toBe(30_000);
    expect(retryDelay(retry, 1, 1)).toBe(90_000);
  });

  it.each([
    [1000, 60_000],
    [100_000, 100_000],
    [10 ** 9, 5_400_000],
  ])('of which %i ms were asked for is %i ms', (asked, ms) => {
    expect(retryDelay(retry, 1, 0.5, asked)).toBe(ms);
  });
});

it('gives a null reverse-path the lifetime of bounces', () => {
  const delivery = { lifetimeSeconds: 100, bounceLifetimeSeconds: 10 } as Delivery;
  expect(expiryOf(delivery, { from: 'anna@example.test', arrivedAt: 5000 })).toBe(105_000);
  expect(expiryOf(delivery, { from: '', arrivedAt: 5000 })).toBe(15_000);
});
