import { describe, expect, it } from 'vitest';
import { recentHops } from './recent-hops.ts';
import type { NextHop, OutwardDestination } from './types.ts';

const to = (key: string): OutwardDestination => ({ kind: 'mx', key, domain: key });
const hop = (address: string) => ({ host: address, address, port: 25 }) as NextHop;

function setup(answers: Record<string, NextHop[] | Error>) {
  let now = 0;
  const asked: string[] = [];
  const resolve = recentHops(
    async ({ key }) => {
      asked.push(key);
      const answer = answers[key]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    { monotonic: () => now },
  );
  return { resolve, asked, later: (ms: number) => (now += ms) };
}

describe('recent next hops', () => {
  it('are remembered for a second where there is no choice', async () => {
    const { resolve, asked, later } = setup({ one: [hop('192.0.2.1')] });
    const first = await resolve(to('one'));
    later(999);
    expect(await resolve(to('one'))).toBe(first);
    later(1);
    await resolve(to('one'));
    expect(asked).toEqual(['one', 'one']);
  });

  it('are chosen anew where there is one, and after a failure', async () => {
    const { resolve, asked } = setup({
      two: [hop('192.0.2.1'), hop('192.0.2.2')],
      none: new Error('no such host'),
    });
    for (const key of ['two', 'two']) await resolve(to(key));
    for (const key of ['none', 'none']) await expect(resolve(to(key))).rejects.toThrow('no such host');
    expect(asked).toEqual(['two', 'two', 'none', 'none']);
  });
});
