/** ConfigMaps and Secrets of a fleet: the config that its pods start with, and their certificates. Pure. */
import type { MtaConfig } from '../../mta/config.ts';
import { splitConfig } from '../../mta/config-parts.ts';
import type { Pem } from '../certificates/authorities.ts';
import { encoded } from '../kube/secret-data.ts';
import type { ConfigMap, Secret } from '../kube/types.ts';
import { type Fleet, MOST_PARTS, metadataOf, names } from './fleet.ts';

/** An object may have 1 MiB, names and managed fields included; a Secret's values are a third longer in base64. */
const MOST_BYTES = 700_000;

export class ConfigTooLarge extends Error {
  override readonly name = 'ConfigTooLarge';
}

export interface ConfigObjects {
  readonly configMaps: readonly ConfigMap[];
  readonly secrets: readonly Secret[];
}

/** Throws `ConfigTooLarge` where it would take more objects than a pod has places for. */
export function configObjects(fleet: Fleet, config: MtaConfig): ConfigObjects {
  const parts = splitConfig(config, MOST_BYTES);
  const most = Math.max(parts.config.length, parts.secrets.length);
  if (most > MOST_PARTS) {
    throw new ConfigTooLarge(
      `the config takes ${most} objects of ${MOST_BYTES} bytes, and there is room for ${MOST_PARTS}: spread the domains over several MTAs`,
    );
  }
  return {
    configMaps: parts.config.map((data, part) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadataOf(fleet, names.config(fleet, part)),
      data: { ...data },
    })),
    secrets: parts.secrets.map((data, part) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadataOf(fleet, names.secrets(fleet, part)),
      type: 'Opaque',
      data: encoded(data),
    })),
  };
}

/**
 * Who each pod is. All of them mount all of it: pods of one fleet share a queue, and trust each other; a Secret for each would need a
 * template for each.
 *
 * @param members by name of the pod
 * @param authority PEM of all that are trusted
 */
export function identities(fleet: Fleet, members: ReadonlyMap<string, Pem>, authority: string): Secret {
  const files = [...members].flatMap(([name, { certificate, key }]) => [
    [`${name}.crt`, certificate] as const,
    [`${name}.key`, key] as const,
  ]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadataOf(fleet, names.identities(fleet)),
    type: 'Opaque',
    data: encoded({ ...Object.fromEntries(files), 'ca.crt': authority }),
  };
}
