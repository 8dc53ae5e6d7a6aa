import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { preserved } from './fields.ts';
import type { Kind } from './kind.ts';
import { kinds } from './kinds.ts';
import { openApiSchema, renderCrd } from './render.ts';
import { withRules } from './rules.ts';
import { structuralViolations } from './structural.ts';

type Json = { readonly [key: string]: Json };

const schemaOf = (kind: Kind): Json => {
  const crd = renderCrd(kind) as Json;
  return (crd['spec']!['versions'] as unknown as Json[])[0]!['schema']!['openAPIV3Schema']!;
};

describe('the CRD of every kind', () => {
  it.each(kinds.map((kind) => [kind.kind, kind] as const))('%s is structural', (_, kind) => {
    expect(structuralViolations(schemaOf(kind))).toEqual([]);
  });

  it.each(kinds.map((kind) => [kind.kind, kind] as const))(
    '%s has columns that exist in its schema',
    (_, kind) => {
      const root = schemaOf(kind);
      for (const { jsonPath } of kind.columns) {
        const names = jsonPath
          .replaceAll(/\[[^\]]*\]/g, '')
          .split('.')
          .slice(1);
        if (names[0] === 'metadata') continue;
        const found = names.reduce<Json | undefined>((node, name) => {
          const object = node?.['items'] ?? node;
          return object?.['properties']?.[name];
        }, root);
        expect(found, jsonPath).toBeDefined();
      }
    },
  );

  it.each(kinds.map((kind) => [kind.kind, kind] as const))(
    '%s keeps its conditions in a map by type',
    (_, kind) => {
      const conditions = schemaOf(kind)['properties']!['status']!['properties']!['conditions']!;
      expect(conditions['x-kubernetes-list-type']).toBe('map');
      expect(conditions['x-kubernetes-list-map-keys']).toEqual(['type']);
    },
  );

  it('says no to a change of the storage mode', () => {
    const mode = schemaOf(kinds[0]!)['properties']!['spec']!['properties']!['storage']!['properties']![
      'mode'
    ]!;
    expect(mode['x-kubernetes-validations']).toEqual([
      { rule: 'self == oldSelf', message: expect.stringContaining('can not be changed') },
    ]);
  });

  it('lets an autoscaler find the replicas of an MTA, and of nothing else', () => {
    const scaled = kinds.filter(({ scale }) => scale !== undefined);
    expect(scaled.map(({ kind }) => kind)).toEqual(['MTA']);
  });
});

describe('what a structural schema can not express', () => {
  const field = (schema: z.ZodType) => () => openApiSchema(z.strictObject({ field: schema }));

  it('is refused: a refinement without CEL', () => {
    expect(field(z.string().refine((text) => text !== 'x'))).toThrow(
      'field: a refinement or transform without CEL',
    );
  });

  it('is refused: a transform', () => {
    expect(field(z.string().transform(Number))).toThrow('no counterpart');
    expect(field(z.string().toLowerCase())).toThrow('without CEL');
  });

  it('is refused: types without a counterpart', () => {
    expect(field(z.date())).toThrow();
    expect(field(z.tuple([z.string()]))).toThrow('no counterpart');
    expect(field(z.string().nullable())).toThrow('no counterpart');
  });

  it('is refused: a discriminated union', () => {
    const union = z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('a') }),
      z.strictObject({ type: z.literal('b') }),
    ]);
    expect(field(union)).toThrow('no counterpart');
  });

  it('is refused: a plain union', () => {
    const spec = z.strictObject({ field: z.union([z.string().max(1), z.boolean()]).describe('Something.') });
    expect(() => renderCrd({ ...kinds[1]!, spec })).toThrow('spec.field: type is missing or unknown');
  });

  it('is taken: an object of somebody else, which is kept as it is', () => {
    expect(openApiSchema(preserved())).toMatchObject({
      ...{ type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    });
    expect(openApiSchema(preserved())).not.toHaveProperty('additionalProperties');
    const spec = z.strictObject({ field: z.unknown().describe('Something.') });
    expect(() => renderCrd({ ...kinds[1]!, spec })).toThrow('spec.field: type is missing or unknown');
  });

  it('is taken with its CEL beside it, and the predicate holds in zod too', () => {
    const schema = withRules(z.string().max(3), [
      { rule: "self != 'x'", message: 'not x', holds: (self) => self !== 'x' },
    ]);
    expect(openApiSchema(schema)['x-kubernetes-validations']).toEqual([
      { rule: "self != 'x'", message: 'not x' },
    ]);
    expect(schema.safeParse('y').success).toBe(true);
    expect(schema.safeParse('x').error?.issues[0]?.message).toBe('not x');
  });
});
