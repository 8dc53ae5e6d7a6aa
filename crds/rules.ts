/**
 * Rules that a structural schema can't say by itself. Each is written twice, side by side: as CEL for the API server,
 * and as a predicate for the local mode and for compile, which have no API server before them. Zod refinements that
 * don't come from here have no CEL: the generator refuses them.
 */
import { z } from 'zod';

export interface Rule<T> {
  /** CEL over `self`. */
  readonly rule: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
  /** The field that the error is shown at, below `self`: `.caRef`. */
  readonly fieldPath?: string;
  /** The same as `rule`. */
  readonly holds: (self: T) => boolean;
}

/** The part of a rule that goes to the CRD. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

const mirrored = new WeakSet<object>();

/** Whether a zod check came from this file and so has its CEL beside it. */
export const hasCel = (check: object): boolean => mirrored.has(check);

/** `rules` are held by zod's parse and written to `x-kubernetes-validations`. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  const checks = rules.map((rule) => {
    const check = z.check<z.output<S>>((payload) => {
      if (rule.holds(payload.value as z.output<S>)) return;
      const path = rule.fieldPath === undefined ? [] : rule.fieldPath.split('.').slice(1);
      // `continue`: the other rules of the same object are to be heard too.
      payload.issues.push({
        code: 'custom',
        message: rule.message,
        path,
        input: payload.value,
        continue: true,
      });
    });
    mirrored.add(check);
    return check;
  });
  return cel(schema.check(...checks) as S, rules);
}

/** `self` may not change once it is set; there is nothing to compare with outside of the API server. */
export const immutable = <S extends z.ZodType>(schema: S, message: string): S =>
  cel(schema, [{ rule: 'self == oldSelf', message }]);

function cel<S extends z.ZodType>(schema: S, rules: readonly CelRule[]): S {
  const before = (schema.meta()?.['x-kubernetes-validations'] ?? []) as readonly CelRule[];
  const added = rules.map(({ rule, message, fieldPath }) => ({
    rule,
    message,
    ...(fieldPath === undefined ? {} : { fieldPath }),
  }));
  return schema.meta({ ...schema.meta(), 'x-kubernetes-validations': [...before, ...added] }) as S;
}

/** A list whose items are told apart by `keys`, so that several owners can each apply theirs. */
export function mapList<S extends z.ZodType>(
  item: S,
  keys: readonly (keyof z.output<S> & string)[],
  max: number,
) {
  const meta = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
  return unique(z.array(item).max(max), (value) =>
    JSON.stringify(keys.map((key) => (value as Record<string, unknown>)[key])),
  ).meta(meta);
}

/** A list of scalars without duplicates. */
export const setList = <S extends z.ZodType<string>>(item: S, max: number) =>
  unique(z.array(item).max(max), (value) => String(value)).meta({ 'x-kubernetes-list-type': 'set' });

/** A list that one owner writes as a whole, in the order given. */
export const atomicList = <S extends z.ZodType>(item: S, max: number) =>
  z.array(item).max(max).meta({ 'x-kubernetes-list-type': 'atomic' });

// The API server holds this by the list type: no CEL is needed.
function unique<S extends z.ZodType>(list: z.ZodArray<S>, keyOf: (item: unknown) => string): z.ZodArray<S> {
  const check = z.check<z.output<S>[]>((payload) => {
    const seen = new Set<string>();
    payload.value.forEach((item, index) => {
      const key = keyOf(item);
      if (seen.has(key)) {
        payload.issues.push({
          code: 'custom',
          message: 'stands twice in this list',
          path: [index],
          input: item,
        });
      }
      seen.add(key);
    });
  });
  mirrored.add(check);
  return list.check(check);
}
