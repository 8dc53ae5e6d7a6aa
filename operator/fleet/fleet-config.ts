/**
 * The config of a fleet through its revisions. A new one only where something differs, and higher than all that any pod has loaded: it
 * may come from an operator that has gone, or from an object that was put back. Pure but for what it remembers.
 */
import { isDeepStrictEqual } from 'node:util';
import { CONFIG_VERSION, type MtaConfig } from '../../mta/config.ts';
import { type Fragments, fragmentsOf } from '../status/fragments.ts';

export class FleetConfig {
  #config: MtaConfig | undefined;
  #fragments: Fragments = new Map();
  #lowest = 0;

  /** @param stored what the fleet's objects have, from an operator before this one; of another version, its revision alone counts */
  constructor(stored: Pick<MtaConfig, 'version' | 'revision'> | undefined) {
    if (stored?.version === CONFIG_VERSION) this.#take(stored as MtaConfig);
    else this.#lowest = stored?.revision ?? 0;
  }

  get current(): MtaConfig | undefined {
    return this.#config;
  }

  /** What the config has of each resource, and since which revision. */
  get fragments(): Fragments {
    return this.#fragments;
  }

  /**
   * The config that there is to be now; the same object as before where nothing differs.
   *
   * @param compiled its revision doesn't matter
   * @param loaded highest revision that a pod has reported; 0 where none has
   */
  next(compiled: MtaConfig, loaded: number): MtaConfig {
    const { revision = this.#lowest } = this.#config ?? {};
    const isSame = this.#config !== undefined && isDeepStrictEqual({ ...compiled, revision }, this.#config);
    if (isSame && loaded <= revision) return this.#config!;
    return this.#take({ ...compiled, revision: Math.max(revision, loaded) + 1 });
  }

  #take(config: MtaConfig): MtaConfig {
    this.#fragments = fragmentsOf(config, this.#config && this.#fragments);
    this.#config = config;
    return config;
  }
}
