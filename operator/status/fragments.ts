/**
 * Which revision of a fleet's config brought what of each resource: what `Programmed` is proved with. A resource is programmed when every
 * pod has loaded a revision that is at least that one, so that an edit of one resource changes the status of no other. Pure.
 */
import { hash } from 'node:crypto';
import type { MtaConfig } from '../../mta/config.ts';

/** What a config has of one resource. */
export interface Fragment {
  readonly generation: number;
  /** Of its part of the config, and of the key material in it. */
  readonly digest: string;
  /** The first in a row that had it so. */
  readonly revision: number;
}

export type Fragments = ReadonlyMap<string, Fragment>;

/**
 * @param before those of the config before, if they are known: without them, everything counts as brought by this one
 * @returns by resource: `MailDomain/mail/example.test`
 */
export function fragmentsOf(config: MtaConfig, before?: Fragments): Fragments {
  const digests = digestsOf(config);
  return new Map(
    Object.entries(config.resources).map(([resource, generation]) => {
      const digest = digests.get(resource) ?? '';
      const old = before?.get(resource);
      const isSame = old?.digest === digest && old.generation === generation;
      return [resource, isSame ? old : { generation, digest, revision: config.revision }];
    }),
  );
}

function digestsOf(config: MtaConfig): Map<string, string> {
  const { domains, relays, tlsPolicies, users, resources, secrets, revision: _, id: __, ...fleet } = config;
  const parts = new Map<string, unknown[]>();
  const add = (resource: string, part: unknown) =>
    parts.set(resource, [...(parts.get(resource) ?? []), part]);
  for (const part of [...domains, ...relays, ...tlsPolicies, ...users]) {
    if (part.resource !== undefined) add(part.resource, part);
  }
  const { namespace, name } = fleet.fleet;
  const mta = `MTA/${namespace}/${name}`;
  if (resources[mta] !== undefined) add(mta, fleet);
  return new Map([...parts].map(([resource, all]) => [resource, digestOf(all, secrets)]));
}

function digestOf(parts: readonly unknown[], secrets: MtaConfig['secrets']): string {
  let whole = JSON.stringify(parts);
  eachText(parts, (text) => {
    if (Object.hasOwn(secrets, text)) whole += `${text}\0${secrets[text]}\0`;
  });
  return hash('sha256', whole);
}

/** Every string in it: the ids of secrets are among them. */
function eachText(value: unknown, tell: (text: string) => void): void {
  if (typeof value === 'string') tell(value);
  else if (typeof value === 'object' && value !== null)
    for (const name in value) eachText((value as Record<string, unknown>)[name], tell);
}
