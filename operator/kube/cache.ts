/** What a reflector has seen last: the objects of one resource, by key. */
import { type KubeObject, keyOf } from './resource.ts';

/** One of the two is absent where the object is new, or gone. */
export interface Change<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export class Cache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #listeners: ((change: Change<T>) => void)[] = [];

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** Must not throw. */
  onChange(listener: (change: Change<T>) => void): void {
    this.#listeners.push(listener);
  }

  /** Not where there is a newer one already: what we wrote is known before the watch has come to what was there before. */
  put(object: T): void {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && isOlder(object, before)) return;
    this.#objects.set(key, object);
    // The same object again: a watch that goes on from an older version than it has to.
    const isSame = before !== undefined && versionOf(before) === versionOf(object);
    if (!isSame) this.#tell({ before, after: object });
  }

  remove(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#tell({ before, after: undefined });
  }

  /** These, and no others. */
  replace(objects: readonly T[]): void {
    const gone = new Set(this.#objects.keys());
    for (const object of objects) gone.delete(keyOf(object.metadata));
    for (const key of gone) this.remove(key);
    for (const object of objects) this.put(object);
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** Versions of one object are numbers that grow, as the API server's conformance asks for; what isn't one is taken as it comes. */
function isOlder({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  const [version, than] = [Number(one.resourceVersion), Number(other.resourceVersion)];
  return one.uid === other.uid && version < than;
}

/** An object that was deleted and made again has another uid, and may have had no newer version when it was listed. */
const versionOf = ({ metadata }: KubeObject): string => `${metadata.uid} ${metadata.resourceVersion}`;
