/** From what is watched to the input of compile. Pure. */
import { API_VERSION } from '../../crds/kind.ts';
import { idOf } from '../compile/report.ts';
import type { CompileInput, Manifest, SecretValues } from '../compile/types.ts';
import type { ObjectMeta } from '../kube/resource.ts';
import { OWN_KINDS } from '../kube/resources.ts';
import { decoded } from '../kube/secret-data.ts';
import type { SecretObject, Watched } from './watched.ts';

export type Observed = Pick<CompileInput, 'manifests' | 'secrets' | 'namespaces'>;

export function observe(watched: Watched): Observed {
  const manifests = [...OWN_KINDS.keys()].flatMap((kind) =>
    // The API server says the kind of a list once, for all of it.
    Array.from(
      watched.own(kind).values(),
      (object): Manifest => ({ ...object, apiVersion: API_VERSION, kind }),
    ),
  );
  const labels = Array.from(watched.namespaces?.values() ?? [], ({ metadata }) => [
    metadata.name,
    metadata.labels ?? {},
  ]);
  return {
    manifests,
    secrets: Array.from(watched.secrets.values(), valuesOf),
    namespaces: Object.fromEntries(labels) as CompileInput['namespaces'],
  };
}

/** Which spec each resource has now, by its name as compile has it. */
export const specsOf = (watched: Watched): ReadonlyMap<string, string> =>
  new Map(
    [...OWN_KINDS.keys()].flatMap((kind) =>
      Array.from(watched.own(kind).values(), ({ metadata }) => {
        const { namespace = '', name } = metadata;
        return [idOf({ kind, namespace, name }), specVersion(metadata)] as const;
      }),
    ),
  );

/** One that was deleted and made again begins with generation 1, too: what was said of the one isn't so of the other. */
export const specVersion = ({ uid, generation }: ObjectMeta): string => `${uid} ${generation}`;

/** What is watched stays the same object until it changes: so does what is made of it, and what was found out about that. */
const known = new WeakMap<SecretObject, SecretValues>();

function valuesOf(secret: SecretObject): SecretValues {
  const values = known.get(secret) ?? new Values(secret);
  known.set(secret, values);
  return values;
}

/** Decoded when they are looked at: most are not. */
class Values implements SecretValues {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly #data: NonNullable<SecretObject['data']>;

  constructor({ metadata, data = {} }: SecretObject) {
    this.namespace = metadata.namespace ?? '';
    this.name = metadata.name;
    this.version = `${metadata.uid} ${metadata.resourceVersion}`;
    this.#data = data;
  }

  get values(): SecretValues['values'] {
    return decoded(this.#data);
  }
}
