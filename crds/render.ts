/**
 * The CustomResourceDefinition of a kind. Throws on whatever a structural schema can't express, rather than leaving it
 * out: transforms, refinements without CEL; and, by the check at the end, unions.
 */
import { z } from 'zod';
import { GROUP, type Kind, VERSION } from './kind.ts';
import { hasCel } from './rules.ts';
import { structuralViolations } from './structural.ts';

export type JsonSchema = { [key: string]: unknown };

// What has an exact counterpart in OpenAPI v3. Everything else is refused.
const EXPRESSIBLE = new Set([
  'object',
  'array',
  'string',
  'number',
  'boolean',
  'enum',
  'record',
  // Only below `preserved`: anywhere else it has no type, which is refused at the end.
  'unknown',
  'union',
  'optional',
  'default',
  'prefault',
]);

const MAX_INT32 = 2 ** 31 - 1;

/** OpenAPI v3 of a zod schema, as its input is written in YAML. */
export function openApiSchema(schema: z.ZodType): JsonSchema {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    unrepresentable: 'throw',
    override: ({ zodSchema, jsonSchema, path }) => {
      refuseInexpressible(zodSchema, path.join('.'));
      adapt(jsonSchema as JsonSchema);
    },
  }) as JsonSchema;
  fillDefaults(json);
  return json;
}

/**
 * The API server tries an object's CEL on its default before it fills in those of the members, so that `{}` breaks
 * every rule that looks at one: the default has to have them itself.
 */
function fillDefaults(json: JsonSchema): void {
  const properties = Object.entries((json['properties'] ?? {}) as Record<string, JsonSchema>);
  for (const [, property] of properties) fillDefaults(property);
  if (json['items'] !== undefined) fillDefaults(json['items'] as JsonSchema);
  if (json['type'] !== 'object' || json['default'] === undefined) return;
  const members = properties.filter(([, property]) => property['default'] !== undefined);
  const filled = members.map(([name, property]) => [name, property['default']]);
  json['default'] = { ...Object.fromEntries(filled), ...(json['default'] as object) };
}

function refuseInexpressible(schema: z.core.$ZodType, path: string): void {
  const def = schema._zod.def as { type: string; checks?: readonly z.core.$ZodCheck[] };
  const where = path === '' ? 'the root' : path;
  if (!EXPRESSIBLE.has(def.type)) {
    throw new Error(`${where}: zod type ${def.type} has no counterpart in a structural schema`);
  }
  for (const check of def.checks ?? []) {
    if (check._zod.def.check === 'overwrite' || (check._zod.def.check === 'custom' && !hasCel(check))) {
      throw new Error(`${where}: a refinement or transform without CEL: use withRules`);
    }
  }
}

function adapt(json: JsonSchema): void {
  // Pruning drops unknown fields at the API server; kubectl warns of them.
  if (json['additionalProperties'] === false) delete json['additionalProperties'];
  if (json['x-kubernetes-preserve-unknown-fields'] === true) delete json['additionalProperties'];
  if (json['maximum'] === Number.MAX_SAFE_INTEGER) delete json['maximum'];
  if (json['minimum'] === Number.MIN_SAFE_INTEGER) delete json['minimum'];
  if (json['type'] === 'integer') {
    const fits = typeof json['maximum'] === 'number' && json['maximum'] <= MAX_INT32;
    json['format'] = fits ? 'int32' : 'int64';
  }
  if (json['x-kubernetes-int-or-string'] === true) json['anyOf'] = [{ type: 'integer' }, { type: 'string' }];
}

/** The whole object, as `kubectl apply` takes it. */
export function renderCrd(kind: Kind): JsonSchema {
  const schema: JsonSchema = {
    type: 'object',
    description: kind.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: `${GROUP}/${VERSION}.` },
      kind: { type: 'string', description: `${kind.kind}.` },
      metadata: { type: 'object' },
      spec: { ...openApiSchema(kind.spec), description: 'What is wanted.' },
      status: { ...openApiSchema(kind.status), description: 'What is the case. Written by the operator.' },
    },
    ...(kind.nameRule !== undefined && {
      'x-kubernetes-validations': [
        {
          rule: `self.metadata.name.matches('${kind.nameRule.pattern}')`,
          message: kind.nameRule.message,
        },
      ],
    }),
  };
  const violations = structuralViolations(schema);
  if (violations.length > 0) {
    throw new Error(`${kind.kind} is not structural:\n  ${violations.join('\n  ')}`);
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        // The singular of MTA is its short name already; the API server refuses a name that stands twice.
        ...(kind.shortName !== kind.kind.toLowerCase() && { shortNames: [kind.shortName] }),
        categories: ['postrider'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ wide, ...column }) => ({
            ...column,
            ...(wide && { priority: 1 }),
          })),
          subresources: { status: {}, ...(kind.scale && { scale: kind.scale }) },
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}
