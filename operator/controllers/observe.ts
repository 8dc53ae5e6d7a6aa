/** From what is watched to the input of compile. Pure. */
import { API_VERSION } from '../../crds/kind.ts';
import { idOf } from '../compile/report.ts';
import type { CompileInput, Manifest, SecretValues } from '../compile/types.ts';
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

/** By resource, as compile names it. */
export const generationsOf = ({ manifests }: Observed): ReadonlyMap<string, number> =>
  new Map(
    manifests.map(({ kind, metadata: { namespace = '', name, generation = 0 } }) => [
      idOf({ kind, namespace, name }),
      generation,
    ]),
  );

/** Decoded when they are looked at: most are not. */
function valuesOf({ metadata, data = {} }: SecretObject): SecretValues {
  const { namespace = '', name } = metadata;
  return {
    namespace,
    name,
    version: `${metadata.uid} ${metadata.resourceVersion}`,
    get values() {
      return decoded(data);
    },
  };
}
