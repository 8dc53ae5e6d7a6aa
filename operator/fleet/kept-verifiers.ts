/**
 * Verifiers of a fleet's passwords. One takes 60 ms of a processor and 32 MiB, so they are made beside the event loop, two at a time, and compile
 * goes on meanwhile: who is new comes into the config when all are there; who has a new password keeps the one before until then.
 *
 * None is made twice. The salt tells which version of which Secret the password is from, so that the verifiers of a stored config are
 * known to be right by an operator that has just started, without a word of the password being stored.
 */
import type { Clock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import type { Random } from '../../mta/random.ts';
import type { Environment } from '../compile/types.ts';
import { prefixOf, saltOf } from '../compile/verifier.ts';
import { WorkQueue } from '../kube/work-queue.ts';

const CONCURRENCY = 2;
const LONGEST_PAUSE_MS = 30_000;

export interface KeptVerifiersDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Of the fleet: secret to nobody, and no other's. */
  readonly salt: string;
  /** `makeVerifier`. */
  readonly make: (password: string, salt: Buffer) => Promise<string>;
  /** All that were asked for are there: it is time to compile again. Must not throw. */
  readonly onReady: () => void;
  /** It is tried again. */
  readonly onFailure: (error: unknown) => void;
}

interface Wanted {
  readonly password: string;
  readonly salt: Buffer;
}

export class KeptVerifiers {
  readonly #deps: KeptVerifiersDeps;
  readonly #queue: WorkQueue;
  /** By user and password. */
  #made = new Map<string, string>();
  #wanted = new Map<string, Wanted>();

  constructor(deps: KeptVerifiersDeps) {
    this.#deps = deps;
    const { clock, random, onFailure } = deps;
    this.#queue = new WorkQueue({
      ...{ clock, random, concurrency: CONCURRENCY, longestPauseMs: LONGEST_PAUSE_MS },
      work: (key) => this.#work(key),
      onFailure: (error) => onFailure(error),
    });
    this.#queue.start();
  }

  /**
   * One compile: what it asks for, and nothing else, is kept, and made where it isn't there.
   *
   * @param current the config that there is
   */
  during<T>(current: MtaConfig | undefined, compile: (verifierFor: Environment['verifierFor']) => T): T {
    const before = new Map(
      current?.users.map(({ resource, username, verifier }) => [
        JSON.stringify([resource, username]),
        current.secrets[verifier],
      ]),
    );
    const [made, wanted] = [new Map<string, string>(), new Map<string, Wanted>()];
    const result = compile(({ resource, username, password, version }) => {
      const key = JSON.stringify([username, password]);
      const salt = saltOf(this.#deps.salt, JSON.stringify([username, version]));
      const old = before.get(JSON.stringify([resource, username]));
      const isOf = version !== undefined && old?.startsWith(prefixOf(salt));
      const known = this.#made.get(key) ?? (isOf ? old : undefined);
      if (known === undefined) wanted.set(key, { password, salt });
      else made.set(key, known);
      return known ?? old;
    });
    [this.#made, this.#wanted] = [made, wanted];
    for (const key of wanted.keys()) this.#queue.add(key);
    return result;
  }

  async stop(): Promise<void> {
    this.#wanted.clear();
    await this.#queue.stop();
  }

  async #work(key: string): Promise<undefined> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    const verifier = await this.#deps.make(wanted.password, wanted.salt);
    // Nobody may have asked for it any more.
    if (!this.#wanted.delete(key)) return;
    this.#made.set(key, verifier);
    if (this.#wanted.size === 0) this.#deps.onReady();
  }
}
