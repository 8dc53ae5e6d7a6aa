import { describe, expect, it } from 'vitest';
import { kinds } from './kinds.ts';
import { openApiSchema } from './render.ts';
import type { CelRule } from './rules.ts';
import { brokenRules } from './testing/broken-rules.ts';

function rulesOf(node: unknown): CelRule[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = (node as { readonly 'x-kubernetes-validations'?: CelRule[] })['x-kubernetes-validations'] ?? [];
  return [...own, ...Object.values(node).flatMap(rulesOf)];
}

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('the rules of %s', (name, { spec }) => {
  const cases = brokenRules.filter(({ kind }) => kind === name);

  it('have each a spec that breaks it', () => {
    const rules = rulesOf(openApiSchema(spec)).filter(({ rule }) => !rule.includes('oldSelf'));
    const untried = rules.filter(({ message }) => !cases.some((each) => message.startsWith(each.message)));
    expect(untried).toEqual([]);
  });

  it.each(cases.map((each) => [each.message, each] as const))('%s', (message, broken) => {
    const { error } = spec.safeParse(broken.spec);
    expect(error?.issues.map((issue) => issue.message)).toEqual([expect.stringMatching(`^${message}`)]);
  });
});
