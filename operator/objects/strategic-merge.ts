/**
 * Kubernetes' strategic merge, as far as a pod template goes: objects are merged, `null` takes a field away, lists are merged by
 * their keys where they have some, and replaced where they have none. `$patch: delete` and `$patch: replace` are known.
 * The keys are those of the API's own types, as kubectl and kustomize merge by them. Pure.
 */

/** What can't be merged; `path` is that of the field, below what is merged: `spec.containers[0]`. */
export class MergeError extends Error {
  override readonly name = 'MergeError';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** For a list: the fields that tell its items apart, and what they are where an item doesn't say. */
type Keys = Readonly<Record<string, string | undefined>>;

const byName: Keys = { name: undefined };
const container: Readonly<Record<string, Keys>> = {
  env: byName,
  ports: { containerPort: undefined, protocol: 'TCP' },
  volumeMounts: { mountPath: undefined },
  volumeDevices: { devicePath: undefined },
  'resources.claims': byName,
};

/** By the path of the list, without indexes. All others have no keys. */
const KEYS: ReadonlyMap<string, Keys> = new Map<string, Keys>([
  ...['volumes', 'imagePullSecrets', 'schedulingGates', 'resourceClaims'].map(
    (list) => [`spec.${list}`, byName] as const,
  ),
  ['spec.hostAliases', { ip: undefined }],
  ['spec.topologySpreadConstraints', { topologyKey: undefined, whenUnsatisfiable: undefined }],
  ...['containers', 'initContainers'].flatMap((list) => [
    [`spec.${list}`, byName] as const,
    ...Object.entries(container).map(([name, keys]) => [`spec.${list}.${name}`, keys] as const),
  ]),
]);

type Json = unknown;
interface JsonObject {
  readonly [name: string]: Json;
}

const DIRECTIVE = '$patch';

/** `patch` over `original`, both of them pod templates; neither is changed. Throws `MergeError`. */
export function mergeTemplate(original: object, patch: object): object {
  return mergeObjects(original as JsonObject, patch as JsonObject, '', '');
}

/** @param at the path with indexes, for people; `list` without, for the table */
function mergeObjects(original: JsonObject, patch: JsonObject, at: string, list: string): JsonObject {
  const { [DIRECTIVE]: directive, ...rest } = patch;
  if (directive === 'replace') return cleaned(rest, at) as JsonObject;
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(at, directive);
  const merged = new Map(Object.entries(original));
  for (const [name, value] of Object.entries(rest)) {
    const [path, place] = [join(at, name), join(list, name)];
    if (name.startsWith('$')) throw unknownDirective(at, name);
    if (value === null) merged.delete(name);
    else merged.set(name, mergeValues(merged.get(name), value, path, place));
  }
  return Object.fromEntries(merged);
}

function mergeValues(original: Json, patch: Json, at: string, list: string): Json {
  if (Array.isArray(patch)) {
    const keys = KEYS.get(list);
    if (keys === undefined) return cleaned(patch, at);
    return mergeLists(Array.isArray(original) ? original : [], patch, keys, at, list);
  }
  if (!isObject(patch)) return patch;
  return mergeObjects(isObject(original) ? original : {}, patch, at, list);
}

function mergeLists(
  original: readonly Json[],
  patch: readonly Json[],
  keys: Keys,
  at: string,
  list: string,
): Json[] {
  if (
    patch.some((item) => isObject(item) && item[DIRECTIVE] === 'replace' && Object.keys(item).length === 1)
  ) {
    original = [];
  }
  let merged = [...original];
  patch.forEach((item, index) => {
    const path = `${at}[${index}]`;
    if (!isObject(item)) throw new MergeError(path, 'must be an object');
    const { [DIRECTIVE]: directive, ...rest } = item;
    if (directive === 'replace' && Object.keys(rest).length === 0) return;
    const isSame = sameBy(item, keys, path);
    const found = merged.findIndex(isSame);
    if (directive === 'delete') merged = merged.filter((each) => !isSame(each));
    else if (found < 0) merged.push(mergeObjects({}, item, path, list));
    else merged[found] = mergeObjects(merged[found] as JsonObject, item, path, list);
  });
  return merged;
}

/** Whether an item has the keys of this one. */
function sameBy(item: JsonObject, keys: Keys, at: string): (other: Json) => boolean {
  const wanted = Object.entries(keys).map(([name, otherwise]) => {
    const value = item[name] ?? otherwise;
    if (value === undefined) throw new MergeError(at, `has no ${name}, by which it would be merged: name it`);
    return [name, value, otherwise] as const;
  });
  return (other) =>
    isObject(other) && wanted.every(([name, value, otherwise]) => (other[name] ?? otherwise) === value);
}

/** As it is to be stored: a `null` that takes nothing away says nothing. */
function cleaned(value: Json, at: string): Json {
  if (Array.isArray(value)) return value.map((item, index) => cleaned(item, `${at}[${index}]`));
  return isObject(value) ? mergeObjects({}, value, at, '(none)') : value;
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const unknownDirective = (at: string, directive: Json): MergeError =>
  new MergeError(
    at,
    `${String(directive)} is no directive that is known here: there are $patch: delete for an item of a list, and $patch: replace`,
  );
