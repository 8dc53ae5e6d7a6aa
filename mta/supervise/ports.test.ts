import { describe, expect, it } from 'vitest';
import { newBindings } from './ports.ts';

const at = (address: string, port: number) => ({ name: 'listener smtp', address, port });

describe('newBindings', () => {
  it('has what nothing of ours overlaps', () => {
    const held = [at('127.0.0.1', 25), at('0.0.0.0', 587)];
    expect(newBindings(held, [at('127.0.0.1', 25), at('127.0.0.1', 26)])).toEqual([at('127.0.0.1', 26)]);
    expect(newBindings(held, [at('127.0.0.2', 25)])).toHaveLength(1);
  });

  it('leaves out a port of ours whose address becomes wider or narrower', () => {
    expect(newBindings([at('127.0.0.1', 25)], [at('0.0.0.0', 25), at('::', 25)])).toEqual([]);
    expect(newBindings([at('0.0.0.0', 25)], [at('127.0.0.1', 25)])).toEqual([]);
  });
});
