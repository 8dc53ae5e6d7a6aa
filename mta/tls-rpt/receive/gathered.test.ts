import { expect, it } from 'vitest';
import { Gathered } from './gathered.ts';

it('has all that was added, in its order', () => {
  const gathered = new Gathered(1_000_000);
  const pieces = Array.from({ length: 2000 }, (_, n) => Buffer.alloc(n % 500, n));
  for (const piece of pieces) expect(gathered.add(piece)).toBe(true);
  expect(gathered.bytes().equals(Buffer.concat(pieces))).toBe(true);
  expect(gathered.size).toBe(Buffer.concat(pieces).length);
});

it('takes as much as it may, and nothing of what is more', () => {
  const gathered = new Gathered(5);
  expect([gathered.add(Buffer.from('abc')), gathered.add(Buffer.from('def'))]).toEqual([true, false]);
  expect(gathered.add(Buffer.from('de'))).toBe(true);
  expect(gathered.bytes().toString()).toBe('abcde');
});

it('keeps nothing of the pieces', () => {
  const gathered = new Gathered(100);
  const piece = Buffer.from('abc');
  gathered.add(piece);
  piece.fill('x');
  expect(gathered.bytes().toString()).toBe('abc');
});

it('holds no more than twice what there is, in one buffer', () => {
  const gathered = new Gathered(10_000_000);
  const buffers = new Map<ArrayBufferLike, number>();
  for (let n = 1; n <= 300_000; n += 1) {
    gathered.add(Buffer.from('x'));
    const { buffer } = gathered.bytes();
    if (!buffers.has(buffer)) buffers.set(buffer, n);
  }
  expect(buffers.size).toBeLessThan(10);
  for (const [{ byteLength }, size] of buffers) {
    expect(byteLength).toBeLessThanOrEqual(Math.max(2 * size, 16 * 1024));
  }
});
