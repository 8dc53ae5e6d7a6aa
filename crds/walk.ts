/** Walks over the fields of a kind's schema, below optional members, defaults and lists. */
import { z } from 'zod';

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.def.innerType);
  }
  return schema;
}

/** The fields of an object schema by name; undefined for what isn't one. */
export function fieldsOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const bare = unwrap(schema);
  return bare instanceof z.ZodObject ? bare.def.shape : undefined;
}

/** The schema at a path of names and list indexes, or undefined where there is none. */
export function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return schema;
  const bare = unwrap(schema);
  const next =
    bare instanceof z.ZodArray
      ? bare.def.element
      : bare instanceof z.ZodRecord
        ? bare.def.valueType
        : fieldsOf(bare)?.[String(first)];
  return next && schemaAt(next, rest);
}

/** Every field that holds a value, in the order of the schema: `listeners[].tls.mode`. */
export function leafPaths(schema: z.core.$ZodType, path = ''): string[] {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray) return leafPaths(bare.def.element, `${path}[]`);
  const fields = fieldsOf(bare);
  if (fields === undefined) return [path];
  return Object.entries(fields).flatMap(([name, field]) =>
    leafPaths(field, path === '' ? name : `${path}.${name}`),
  );
}
