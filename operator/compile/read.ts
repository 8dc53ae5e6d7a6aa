/**
 * Manifests to typed resources, defaults filled in. What doesn't fit its schema, or asks for what isn't done yet, is
 * refused with the path of the field, and left out.
 */
import type { z } from 'zod';
import { type Reason, reasons } from '../../crds/conditions.ts';
import { API_VERSION, GROUP, type Kind } from '../../crds/kind.ts';
import { kinds } from '../../crds/kinds.ts';
import { fieldsOf, schemaAt } from '../../crds/walk.ts';
import { compare, idOf, type Report } from './report.ts';
import type { KindName, SpecOf } from './specs.ts';
import type { Manifest, ObjectRef } from './types.ts';
import { notYetSupported } from './unsupported.ts';

export interface Resource<S> {
  readonly ref: ObjectRef;
  /** `MailDomain/mail/example.test`. */
  readonly id: string;
  readonly generation: number;
  /** RFC 3339; empty where there is none, as in files. */
  readonly createdAt: string;
  readonly spec: S;
}

export interface Resources {
  /** Valid resources of a kind, oldest first. */
  of<K extends KindName>(kind: K): readonly Resource<SpecOf[K]>[];
  /** Those, and the ones that were refused for asking for what isn't done yet: their names are not free. */
  claiming<K extends KindName>(kind: K): readonly Resource<SpecOf[K]>[];
  /** Whether a manifest of that name was there, valid or not. */
  exists(ref: ObjectRef): boolean;
}

/** Where no namespace is said, as kubectl has it. */
const DEFAULT_NAMESPACE = 'default';

export const refOf = ({ kind, metadata }: Manifest): ObjectRef => ({
  kind,
  namespace: metadata.namespace ?? DEFAULT_NAMESPACE,
  name: metadata.name,
});

export function read(manifests: readonly Manifest[], report: Report): Resources {
  const parsed = new Map<string, Resource<unknown>[]>(kinds.map(({ kind }) => [kind, []]));
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const manifest of manifests) {
    if (manifest.apiVersion.split('/')[0] !== GROUP) continue;
    const ref = refOf(manifest);
    const id = idOf(ref);
    if (seen.has(id)) {
      report.refuse(ref, reasons.Duplicate, `${id} stands in more than one manifest: keep one of them`);
      twice.add(id);
      continue;
    }
    seen.add(id);
    const resource = readOne(manifest, ref, report);
    if (resource !== undefined) parsed.get(ref.kind)!.push(resource);
  }
  for (const list of parsed.values()) list.sort(byAge);
  const claiming = <K extends KindName>(kind: K) =>
    parsed.get(kind)!.filter(({ id }) => !twice.has(id)) as Resource<SpecOf[K]>[];
  return {
    of: (kind) => claiming(kind).filter(({ ref }) => !report.isRefused(ref)),
    claiming,
    exists: (ref) => seen.has(idOf(ref)),
  };
}

/** The order of newcomers: `creationTimestamp`, then namespace and name. */
export const byAge = (one: Resource<unknown>, other: Resource<unknown>): number =>
  compare(one.createdAt, other.createdAt) || compare(one.id, other.id);

function readOne(manifest: Manifest, ref: ObjectRef, report: Report): Resource<unknown> | undefined {
  const kind = kinds.find((candidate) => candidate.kind === manifest.kind);
  if (manifest.apiVersion !== API_VERSION || kind === undefined) {
    const known = kinds.map((candidate) => candidate.kind).join(', ');
    report.refuse(
      ref,
      reasons.Invalid,
      `There is no ${manifest.kind} in ${manifest.apiVersion}: ${API_VERSION} has ${known}`,
    );
    return undefined;
  }
  if (kind.nameRule !== undefined && !new RegExp(kind.nameRule.pattern).test(ref.name)) {
    report.refuse(ref, reasons.Invalid, `metadata.name: ${kind.nameRule.message}`, 'metadata.name');
    return undefined;
  }
  const { spec, problems } = parse(kind, manifest.spec ?? {});
  for (const { reason, path, message } of problems) report.refuse(ref, reason, message, path);
  if (spec === undefined) return undefined;
  return {
    ref,
    id: idOf(ref),
    generation: manifest.metadata.generation ?? 0,
    createdAt: manifest.metadata.creationTimestamp ?? '',
    spec,
  };
}

interface Parsed {
  /** Undefined where it doesn't fit its schema. */
  readonly spec: unknown;
  readonly problems: readonly { readonly reason: Reason; readonly path: string; readonly message: string }[];
}

/** Specs that have been parsed: what is watched stays the same object until it changes, and of thousands one has. */
const known = new WeakMap<object, Parsed & { readonly kind: Kind }>();

function parse(kind: Kind, written: unknown): Parsed {
  if (typeof written !== 'object' || written === null) return parseAnew(kind, written);
  const before = known.get(written);
  if (before?.kind === kind) return before;
  const parsed = { ...parseAnew(kind, written), kind };
  known.set(written, parsed);
  return parsed;
}

function parseAnew(kind: Kind, written: unknown): Parsed {
  const parsed = kind.spec.safeParse(written, { reportInput: true });
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => explain(issue, kind));
    return { spec: undefined, problems: problems.map((each) => ({ reason: reasons.Invalid, ...each })) };
  }
  const problems = notYetSupported(kind.kind, parsed.data).map(({ path, message }) => ({
    ...{ reason: reasons.NotYetSupported, path, message: `${path}: ${message}` },
  }));
  return { spec: parsed.data, problems };
}

/** `spec.listeners[0].port`. */
const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${String(part)}`),
    'spec',
  );

function explain(issue: z.core.$ZodIssue, kind: Kind): { path: string; message: string }[] {
  const at = pathOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const schema = schemaAt(kind.spec, issue.path);
    const known = Object.keys((schema && fieldsOf(schema)) ?? {});
    return issue.keys.map((key) => ({
      path: pathOf([...issue.path, key]),
      message: `${pathOf([...issue.path, key])}: unknown field${suggestion(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) {
    const what = schemaAt(kind.spec, issue.path)?._zod.def.type === 'array' ? 'list' : issue.expected;
    return [{ path: at, message: `${at}: is missing: it must be of type ${what}` }];
  }
  if (issue.input === undefined && issue.code === 'invalid_value') {
    return [{ path: at, message: `${at}: is missing: it must be one of ${issue.values.join(', ')}` }];
  }
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    const near = nearest(String(issue.input), known);
    const meant = near === undefined ? '' : `, did you mean ${near}?`;
    return [{ path: at, message: `${at}: must be one of ${known.join(', ')}${meant}` }];
  }
  return [{ path: at, message: `${at}: ${issue.message}` }];
}

/** The name that was meant, if it is that near; of several the nearest. */
function nearest(key: string, known: readonly string[]): string | undefined {
  const lower = key.toLowerCase();
  // A long one is no slip of a finger, and costs its length.
  if (key.length > 64) return undefined;
  const [best] = known
    .map((name) => ({ name, away: distance(name.toLowerCase(), lower) }))
    .filter(({ away }) => away === 0 || away <= Math.min(2, key.length - 2))
    .sort((one, other) => one.away - other.away);
  return best?.name;
}

function suggestion(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== undefined) return `, did you mean ${near}?`;
  return known.length > 0 ? `: here are ${known.join(', ')}` : '';
}

/** Levenshtein. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
