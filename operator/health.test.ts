import { expect, it } from 'vitest';
import { createHealthServer } from './health.ts';

const ask = async (path: string, unsynced: readonly string[], silent: readonly string[]) => {
  const app = createHealthServer({ unsynced, silent: () => silent }, { text: async () => 'up 1\n' });
  const { statusCode, body } = await app.inject(path);
  return `${statusCode} ${body.trim()}`;
};

it('an operator is ready when it has seen everything, and hears of it', async () => {
  expect(await ask('/readyz', [], [])).toBe('200 ok');
  expect(await ask('/readyz', ['mtas'], [])).toBe('503 mtas have not been listed yet');
  expect(await ask('/readyz', [], ['secrets'])).toBe('503 nothing was heard of secrets for 300 s');
});

it('it lives all the while', async () => {
  expect(await ask('/livez', ['mtas'], ['secrets'])).toBe('200 ok');
});

it('it says what it counts', async () => {
  expect(await ask('/metrics', ['mtas'], [])).toBe('200 up 1');
});
