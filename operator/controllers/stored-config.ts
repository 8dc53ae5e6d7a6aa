/** The config of a fleet as its ConfigMaps and Secrets hold it: what its pods start with, and what the next operator goes on from. */
import type { MtaConfig } from '../../mta/config.ts';
import { joinConfig } from '../../mta/config-parts.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf, type ResourceType } from '../kube/resource.ts';
import { CONFIG_MAPS, SECRETS } from '../kube/resources.ts';
import { decoded } from '../kube/secret-data.ts';
import { configObjects } from '../objects/config.ts';
import { type Fleet, isOurs, MOST_PARTS, names } from '../objects/fleet.ts';
import type { Applier } from './applier.ts';
import type { Watched } from './watched.ts';

export class StoredConfig {
  readonly #client: KubeClient;
  readonly #watched: Watched;

  constructor(client: KubeClient, watched: Watched) {
    this.#client = client;
    this.#watched = watched;
  }

  /** As an operator before this one has left it. */
  read(fleet: Fleet): MtaConfig | undefined {
    const { namespace } = fleet;
    const files = new Map<string, string>();
    for (let part = 0; part < MOST_PARTS; part += 1) {
      const map = this.#watched.made(CONFIG_MAPS).get(keyOf({ namespace, name: names.config(fleet, part) }));
      const secret = this.#watched.secrets.get(keyOf({ namespace, name: names.secrets(fleet, part) }));
      for (const [name, text] of Object.entries((map as { data?: Record<string, string> })?.data ?? {})) {
        files.set(name, text);
      }
      for (const [name, text] of Object.entries(decoded(secret?.data ?? {}))) files.set(name, text);
    }
    try {
      return joinConfig((name) => files.get(name)) as MtaConfig;
    } catch {
      // None yet, or one that was cut short: the revisions of the pods tell how far they had got.
      return undefined;
    }
  }

  /** Throws `ConfigTooLarge` where it doesn't fit, before anything is written. */
  async write(fleet: Fleet, config: MtaConfig, applier: Applier): Promise<void> {
    const { configMaps, secrets } = configObjects(fleet, config);
    for (const secret of secrets) await applier.apply(SECRETS, secret);
    for (const map of configMaps) await applier.apply(CONFIG_MAPS, map);
    await this.#removeFrom(SECRETS, secrets.length, (part) => names.secrets(fleet, part), fleet);
    await this.#removeFrom(CONFIG_MAPS, configMaps.length, (part) => names.config(fleet, part), fleet);
  }

  /** What a longer config has left behind: key material among it. */
  async #removeFrom(
    type: ResourceType,
    first: number,
    nameOf: (part: number) => string,
    { namespace }: Fleet,
  ): Promise<void> {
    for (let part = first; part < MOST_PARTS; part += 1) {
      const { metadata } = this.#watched.made(type).get(keyOf({ namespace, name: nameOf(part) })) ?? {};
      if (metadata !== undefined && isOurs(metadata))
        await this.#client.delete(type, metadata, { uid: metadata.uid });
    }
  }
}
