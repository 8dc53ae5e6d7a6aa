/**
 * Files to what compile takes: our resources, the Secrets and Namespaces beside them, and what is wrong with the files
 * themselves. Objects of other groups are left alone, and said. Pure.
 */
import { API_VERSION, GROUP } from '../../crds/kind.ts';
import { idOf } from '../../operator/compile/report.ts';
import type { Manifest, ObjectRef, SecretValues } from '../../operator/compile/types.ts';
import { type FileObject, parseFile } from './documents.ts';
import { segmentsOf } from './locate.ts';
import { secretValues } from './secrets.ts';
import type { Ignored, Manifests, Problem, ProblemReason, SourceFile } from './types.ts';

/** Where an object that names no namespace lives, as with kubectl. */
export const DEFAULT_NAMESPACE = 'default';

const topLevel = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

/** @param kinds kinds of our group. */
export function collect(files: readonly SourceFile[], kinds: readonly string[]): Manifests {
  const manifests: Manifest[] = [];
  const secrets: SecretValues[] = [];
  const namespaces: Record<string, Record<string, string>> = {};
  const problems: Problem[] = [];
  const ignored: Ignored[] = [];
  const known = new Map<string, FileObject>();

  for (const file of files) {
    const parsed = parseFile(file);
    problems.push(...parsed.problems);
    for (const object of parsed.objects) take(object);
  }
  for (const { metadata } of manifests) labelled(metadata.namespace ?? DEFAULT_NAMESPACE);
  for (const { namespace } of secrets) labelled(namespace);

  return {
    manifests,
    secrets,
    namespaces,
    problems,
    ignored,
    place: (resource, path) => known.get(idOf(resource))?.place(path === undefined ? [] : segmentsOf(path)),
  };

  function take(object: FileObject): void {
    const { value } = object;
    const problem = (reason: ProblemReason, path: readonly (string | number)[], message: string) =>
      problems.push({ place: object.place(path), reason, message });

    const { apiVersion, kind } = value;
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
      problem('InvalidObject', [], 'apiVersion and kind are missing: this is not a Kubernetes object');
      return;
    }
    const ours = apiVersion.split('/')[0] === GROUP;
    if (ours && apiVersion !== API_VERSION) {
      problem('UnknownKind', ['apiVersion'], `There is no ${apiVersion}: write ${API_VERSION}`);
      return;
    }
    if (ours && !kinds.includes(kind)) {
      problem('UnknownKind', ['kind'], `There is no kind ${kind} in ${GROUP}: it has ${kinds.join(', ')}`);
      return;
    }
    const faults = metadataFaults(value['metadata']);
    for (const { path, message } of faults) problem('InvalidObject', path, message);
    if (faults.length > 0) return;

    const metadata = value['metadata'] as Manifest['metadata'];
    const namespaced = kind !== 'Namespace';
    const namespace = namespaced ? (metadata.namespace ?? DEFAULT_NAMESPACE) : '';
    const resource: ObjectRef = { kind, namespace, name: metadata.name };
    if (!ours && !(apiVersion === 'v1' && (kind === 'Secret' || kind === 'Namespace'))) {
      ignored.push({ place: object.place(), resource });
      return;
    }
    const first = known.get(idOf(resource));
    if (first !== undefined) {
      const { file, line } = first.place();
      problem(
        'Duplicate',
        [],
        `${kind} ${namespace}/${metadata.name} stands in ${file}:${line} already: keep one`,
      );
      return;
    }
    known.set(idOf(resource), object);

    if (kind === 'Namespace') {
      namespaces[metadata.name] = { ...metadata.labels, ...ownLabel(metadata.name) };
    } else if (kind === 'Secret') {
      const { values, problems: wrong } = secretValues(value);
      for (const { path, message } of wrong) problem('InvalidObject', path, message);
      secrets.push({ namespace, name: metadata.name, values });
    } else {
      for (const field of Object.keys(value).filter((name) => !topLevel.includes(name))) {
        problem('InvalidObject', [field], `${kind} has no field ${field}: it has ${topLevel.join(', ')}`);
      }
      manifests.push({ apiVersion, kind, metadata: { ...metadata, namespace }, spec: value['spec'] });
    }
  }

  function labelled(namespace: string): void {
    if (!Object.hasOwn(namespaces, namespace)) namespaces[namespace] = ownLabel(namespace);
  }
}

/** The label that Kubernetes puts on every namespace. */
const ownLabel = (namespace: string) => ({ 'kubernetes.io/metadata.name': namespace });

function metadataFaults(metadata: unknown): { path: readonly string[]; message: string }[] {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    return [{ path: ['metadata'], message: 'metadata with a name is missing' }];
  }
  const { name, namespace, labels, annotations } = metadata as Record<string, unknown>;
  const faults: { path: readonly string[]; message: string }[] = [];
  if (typeof name !== 'string' || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
    faults.push({
      path: ['metadata', 'name'],
      message:
        'metadata.name must be lower-case letters, digits, - and . (at most 253), in quotes if it is a number',
    });
  }
  if (
    namespace !== undefined &&
    (typeof namespace !== 'string' || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace))
  ) {
    faults.push({
      path: ['metadata', 'namespace'],
      message: 'metadata.namespace must be lower-case letters, digits and - (at most 63)',
    });
  }
  for (const [field, map] of Object.entries({ labels, annotations })) {
    if (map === undefined || map === null) continue;
    const entries = typeof map === 'object' && !Array.isArray(map) ? Object.entries(map) : undefined;
    if (entries === undefined || entries.some(([, text]) => typeof text !== 'string')) {
      faults.push({
        path: ['metadata', field],
        message: `metadata.${field} must be a map of strings: put numbers and booleans in quotes`,
      });
    }
  }
  return faults;
}
