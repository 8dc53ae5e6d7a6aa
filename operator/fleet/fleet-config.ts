/**
 * The config of a fleet through its revisions. A new one only where something differs, and higher than all that any pod has loaded: it
 * may come from an operator that has gone, or from an object that was put back. Pure but for what it remembers.
 */
import { isDeepStrictEqual } from 'node:util';
import { CONFIG_VERSION, type MtaConfig } from '../../mta/config.ts';
import type { Random } from '../../mta/random.ts';
import { type Fragments, fragmentsOf } from '../status/fragments.ts';

export class FleetConfig {
  readonly #random: Random;
  #config: MtaConfig | undefined;
  #fragments: Fragments = new Map();
  #lowest = 0;

  /** @param stored what the fleet's objects have, from an operator before this one; of another version, its revision alone counts */
  constructor(stored: Pick<MtaConfig, 'version' | 'revision'> | undefined, random: Random) {
    this.#random = random;
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
   * @param taken highest revision that a pod has of another config than those of this; 0 where none has
   */
  next(compiled: MtaConfig, taken: number): MtaConfig {
    const { revision = this.#lowest, id } = this.#config ?? {};
    const isSame =
      this.#config !== undefined &&
      isDeepStrictEqual({ ...compiled, revision, ...(id && { id }) }, this.#config);
    if (isSame && taken < revision) return this.#config!;
    const next = Math.max(revision, taken) + 1;
    return this.#take({ ...compiled, revision: next, id: this.#random.bytes(9).toString('base64url') });
  }

  #take(config: MtaConfig): MtaConfig {
    this.#fragments = fragmentsOf(config, this.#config && this.#fragments);
    this.#config = config;
    return config;
  }
}
