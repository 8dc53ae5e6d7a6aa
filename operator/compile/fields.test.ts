/** Nothing is silently ignored: every field of every kind does what its row in `testing/field-table.ts` says. */
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { reasons } from '../../crds/conditions.ts';
import type { Kind } from '../../crds/kind.ts';
import { kinds } from '../../crds/kinds.ts';
import { leafPaths, schemaAt } from '../../crds/walk.ts';
import { compile } from './compile.ts';
import { fieldBase } from './testing/field-base.ts';
import { type Changes, fieldTable } from './testing/field-table.ts';
import type { CompileResult, Manifest } from './types.ts';

function assign(target: Record<string, unknown>, path: string, value: unknown): void {
  const steps = path.split('.').flatMap((step) => {
    const [, name, index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(step)!;
    return index === undefined ? [name!] : [name!, index];
  });
  const last = steps.pop()!;
  const parent = steps.reduce((node, step) => {
    node[step] ??= {};
    return node[step] as Record<string, unknown>;
  }, target);
  parent[last] = value;
}

const isKind = (kind: string) => (manifest: Manifest) => manifest.kind === kind;

function compileWith(kind: string, changes: Changes): CompileResult {
  const manifests = structuredClone(fieldBase.manifests) as Manifest[];
  const spec = manifests.find(isKind(kind))!.spec as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) assign(spec, path, value);
  return compile({ ...fieldBase, manifests });
}

function descriptionOf(kind: Kind, path: string): string | undefined {
  const steps = path.split('.').flatMap((step) => (step.endsWith('[]') ? [step.slice(0, -2), 0] : [step]));
  return (schemaAt(kind.spec, steps) as z.ZodType | undefined)?.description;
}

/** Of the field, and of all that it is in. */
const descriptionsOf = (kind: Kind, path: string): string =>
  path
    .split('.')
    .map((_, index, steps) => steps.slice(0, index + 1).join('.'))
    .flatMap((above) => [above, above.replace(/\[\]$/, '')])
    .map((above) => descriptionOf(kind, above))
    .join(' ');

const asItIs = compile(fieldBase);
const refusals = ({ diagnostics }: CompileResult, reason: string) =>
  diagnostics.filter((diagnostic) => diagnostic.reason === reason);

it('the base has nothing to complain of', () => {
  expect(asItIs.diagnostics.filter(({ status }) => status === 'False')).toEqual([]);
  expect(asItIs.config).toBeDefined();
});

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('%s', (name, kind) => {
  const rows = Object.entries(fieldTable[name]!);

  it('has a row for every field, and no other', () => {
    expect(rows.map(([path]) => path).toSorted()).toEqual(leafPaths(kind.spec).toSorted());
  });

  it.each(rows)('%s', (path, [effect, changes, from]) => {
    const before = from === undefined ? asItIs : compileWith(name, from);
    expect(refusals(before, reasons.Invalid)).toEqual([]);
    const after = compileWith(name, changes);
    switch (effect) {
      case 'config':
        expect(refusals(after, reasons.Invalid)).toEqual([]);
        expect(after.config).not.toEqual(before.config);
        break;
      case 'attach':
        expect(refusals(after, reasons.Invalid)).toEqual([]);
        expect(after.diagnostics).not.toEqual(before.diagnostics);
        break;
      case 'key':
        expect(after).toEqual(before);
        expect(descriptionOf(kind, path)).toContain('unique in the MTA');
        break;
      case 'cluster':
        expect(after).toEqual(before);
        expect(descriptionsOf(kind, path)).toContain('Cluster only');
        break;
      case 'notYet': {
        const told = refusals(after, reasons.NotYetSupported).map((diagnostic) => diagnostic.path ?? '');
        const asIndexed = `spec.${path.replaceAll('[]', '[0]')}`;
        const within = (refused: string) =>
          asIndexed.startsWith(refused) || (refused === 'spec.target.type' && path.startsWith('target.'));
        expect(told.some(within) || told.includes('spec.mode'), told.join()).toBe(true);
        break;
      }
    }
  });
});
