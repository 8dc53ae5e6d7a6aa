/** For tests: a compile input from YAML, with Secrets and Namespaces in it as a folder would have them. */
import { parseAllDocuments } from 'yaml';
import type { CompileInput, Environment, Manifest, SecretValues } from '../types.ts';

export const environment: Environment = {
  queuePath: '/var/lib/postrider/queue',
  historyPath: '/var/lib/postrider/history',
  health: { address: '127.0.0.1', port: 2581 },
  control: { address: '127.0.0.1', port: 2580, token: 'token' },
  listenAddress: '127.0.0.1',
  verifierFor: ({ username, password }) => `verifier of ${password} for ${username}`,
};

interface SecretManifest extends Manifest {
  readonly stringData?: Readonly<Record<string, string>>;
}

export function inputFrom(yaml: string, more: Partial<CompileInput> = {}): CompileInput {
  const objects = parseAllDocuments(yaml).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as SecretManifest;
  });
  const secrets: SecretValues[] = objects
    .filter(({ kind }) => kind === 'Secret')
    .map(({ metadata, stringData }) => ({
      namespace: metadata.namespace ?? 'default',
      name: metadata.name,
      values: stringData ?? {},
    }));
  const namespaces = Object.fromEntries(
    objects
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ metadata }) => [metadata.name, metadata.labels ?? {}]),
  );
  const mta = objects.find(({ kind }) => kind === 'MTA');
  return {
    mta: { namespace: mta?.metadata.namespace ?? 'mail', name: mta?.metadata.name ?? 'mta' },
    manifests: objects.filter(({ kind }) => kind !== 'Secret' && kind !== 'Namespace'),
    secrets,
    namespaces,
    programmed: undefined,
    revision: 1,
    environment,
    ...more,
  };
}
