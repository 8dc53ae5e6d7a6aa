import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

describe('ErrorCode', () => {
  it('has every code, and no other, in docs/errors.md, with what to do', () => {
    const union = /export type ErrorCode =([^;]+);/.exec(read('./errors.ts'))?.[1] ?? '';
    const codes = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1]);
    const rows = [...read('../docs/errors.md').matchAll(/^\| `(\w+)` \| (.+?) \| (.+?) \|$/gm)];
    expect(codes.length).toBeGreaterThan(0);
    expect(rows.map((row) => row[1]).sort()).toEqual(codes.sort());
  });
});
