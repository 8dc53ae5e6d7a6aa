import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { conditionTypes, reasons } from './conditions.ts';

const page = readFileSync(new URL('../docs/conditions.md', import.meta.url), 'utf8');

describe('docs/conditions.md', () => {
  it('has a chapter for each condition', () => {
    const chapters = [...page.matchAll(/^## `(\w+)`: /gm)].map(([, type]) => type);
    expect(chapters.sort()).toEqual(Object.values(conditionTypes).sort());
  });

  it('explains every reason, and none that there isn’t', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]*) ?\|$/gm)].map(([, reason]) => reason!);
    expect([...new Set(rows)].sort()).toEqual(Object.values(reasons).sort());
  });
});

it('a reason is called as it is', () => {
  for (const [name, reason] of Object.entries(reasons)) expect(reason).toBe(name);
});
