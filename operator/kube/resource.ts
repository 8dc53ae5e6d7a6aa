/** Names of what the API server keeps: resources, their paths, their objects. */

/** A resource of the API: `apps/v1 statefulsets`. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** An object as JSON has it: times are RFC 3339 strings. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectName {
  /** Absent for objects of the whole cluster. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export const apiVersionOf = ({ group, version }: ResourceType): string =>
  group === '' ? version : `${group}/${version}`;

/**
 * `/apis/apps/v1/namespaces/mail/statefulsets/relay/status`.
 *
 * @param where a collection where it has no name; of all namespaces where it has no namespace either
 */
export function pathOf(
  type: ResourceType,
  where: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string },
): string {
  const parts = [type.group === '' ? 'api' : 'apis', apiVersionOf(type)];
  if (type.namespaced && where.namespace !== undefined) {
    parts.push('namespaces', encodeURIComponent(where.namespace));
  }
  parts.push(type.plural);
  if (where.name !== undefined) parts.push(encodeURIComponent(where.name));
  if (where.subresource !== undefined) parts.push(where.subresource);
  return `/${parts.join('/')}`;
}

/** `namespace/name`: what caches and work queues are keyed by. A name alone for objects of the whole cluster. */
export const keyOf = ({ namespace, name }: ObjectName): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** The object whose key it is. */
export function nameOf(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** MicroTime of the API: six digits. @param ms since the epoch */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
