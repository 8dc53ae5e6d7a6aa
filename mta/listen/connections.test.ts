import { describe, expect, it } from 'vitest';
import type { Limits } from '../config.ts';
import { Connections, shareOf } from './connections.ts';

const limits = { connections: 3, connectionsPerAddress: 2 } as Limits;

describe('Connections', () => {
  it('refuses beyond the limit per address and in all, and counts down again', () => {
    const connections = new Connections(1);
    const enter = (address: string) => connections.enter(address, limits)?.enhanced;
    expect([enter('a'), enter('a'), enter('a')]).toEqual([undefined, undefined, '4.7.0']);
    connections.leave('a');
    expect([enter('b'), enter('b')]).toEqual([undefined, '4.3.2']);
    for (const address of ['a', 'a', 'b', 'b']) connections.leave(address);
    expect(enter('b')).toBeUndefined();
  });
});

describe('shareOf', () => {
  it('is the limit for one worker, and its part with slack for several', () => {
    expect(shareOf(50, 1)).toBe(50);
    expect(shareOf(50, 0.5)).toBe(36);
    expect(shareOf(10_000, 0.5)).toBe(5150);
    expect(shareOf(1, 0.25)).toBe(1);
  });
});
