/**
 * Brings the newest config of a fleet to each of its pods, and knows which has loaded what. A pod that is behind, as it was restarted or
 * could not be reached, is found by asking, again and again. One that refuses a revision is left with the one before, which
 * it serves on with, until there is a newer one.
 */
import type { Clock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import type { Random } from '../../mta/random.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import {
  type ClientIdentity,
  type ControlClient,
  type LoadedConfig,
  type PodAddress,
  PodRefused,
} from './control-client.ts';

/** How often a pod that has the newest config is asked whether it still has. */
const ASK_MS = 10_000;
/** A pod that can't be reached is on its way up, or down: it is tried again soon. */
const LONGEST_PAUSE_MS = 5000;
/** After so many failures in a row a pod is taken to be out of reach. */
const PATIENCE = 3;
/** Pods that are talked to at once. */
const CONCURRENCY = 8;

export interface PodReport {
  /** What it has loaded. */
  readonly revision: number;
  /** The newest config, where it was refused. */
  readonly refusal: { readonly revision: number; readonly reason: string } | undefined;
}

export interface ConfigPushDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Called when a report is another than it was. Must not throw. */
  readonly onReport: (pod: string, report: PodReport) => void;
  /** A pod could not be asked: it is tried again. */
  readonly onFailure: (error: unknown, pod: string) => void;
  /** It has not answered for a while. Must not throw. */
  readonly onUnreachable: (pod: string) => void;
}

export class ConfigPush {
  readonly #deps: ConfigPushDeps;
  readonly #queue: WorkQueue;
  readonly #pods = new Map<string, PodAddress>();
  readonly #reports = new Map<string, PodReport>();
  /** In a row, by pod. */
  readonly #failures = new Map<string, number>();
  #client: ControlClient | undefined;
  #identity: ClientIdentity | undefined;
  #newest: { readonly revision: number; readonly document: string } | undefined;

  constructor(deps: ConfigPushDeps) {
    this.#deps = deps;
    const { clock, random, onFailure } = deps;
    this.#queue = new WorkQueue({
      ...{ clock, random, concurrency: CONCURRENCY, longestPauseMs: LONGEST_PAUSE_MS },
      work: (name) => this.#visit(name),
      onFailure: (error, name, failures) => {
        onFailure(error, name);
        if (!this.#pods.has(name)) return;
        this.#failures.set(name, failures);
        // From now on it is known to be out of reach.
        if (failures === PATIENCE) this.#deps.onUnreachable(name);
      },
    });
    this.#queue.start();
  }

  /** Who asks; undefined before that was said. */
  get identity(): ClientIdentity | undefined {
    return this.#identity;
  }

  /** @param client that asks with that identity from now on */
  identify(identity: ClientIdentity, client: ControlClient): void {
    this.#client?.close();
    this.#client = client;
    this.#identity = identity;
    for (const name of this.#pods.keys()) this.#queue.add(name);
  }

  /** By pod, of those that have been reached since they are named. */
  get reports(): ReadonlyMap<string, PodReport> {
    return this.#reports;
  }

  /** Whether it isn't known yet what a pod has loaded, and may soon be. */
  isAsking(pod: string): boolean {
    return !this.#reports.has(pod) && (this.#failures.get(pod) ?? 0) < PATIENCE;
  }

  /** These pods, and no others. One whose address has changed is another process: what was known of it is forgotten. */
  name(pods: readonly PodAddress[]): void {
    const names = new Set(pods.map(({ name }) => name));
    for (const name of this.#pods.keys()) if (!names.has(name)) this.#forget(name);
    for (const pod of pods) {
      const { host, port } = this.#pods.get(pod.name) ?? {};
      if (host === pod.host && port === pod.port) continue;
      this.#forget(pod.name);
      this.#pods.set(pod.name, pod);
      this.#queue.add(pod.name);
    }
  }

  /** The newest config, whose revision is higher than that of any before. */
  push(config: MtaConfig): void {
    if (this.#newest?.revision === config.revision) return;
    this.#newest = { revision: config.revision, document: JSON.stringify(config) };
    for (const name of this.#pods.keys()) this.#queue.add(name);
  }

  async stop(): Promise<void> {
    this.#pods.clear();
    this.#client?.close();
    await this.#queue.stop();
  }

  #forget(name: string): void {
    this.#pods.delete(name);
    this.#reports.delete(name);
    this.#failures.delete(name);
  }

  async #visit(name: string): Promise<number | undefined> {
    const pod = this.#pods.get(name);
    const client = this.#client;
    if (pod === undefined || client === undefined) return undefined;
    const loaded = await client.config(pod);
    const newest = this.#newest;
    const before = this.#reports.get(name)?.refusal;
    if (newest === undefined || loaded.revision >= newest.revision || before?.revision === newest.revision) {
      this.#note(pod, { revision: loaded.revision, refusal: newest === undefined ? undefined : before });
      return ASK_MS;
    }
    this.#note(pod, { revision: loaded.revision, refusal: undefined });
    this.#note(pod, await load(client, pod, newest, loaded));
    return ASK_MS;
  }

  #note(pod: PodAddress, report: PodReport): void {
    const { name } = pod;
    // Another pod may have its name by now.
    if (this.#pods.get(name) !== pod) return;
    const before = this.#reports.get(name);
    this.#reports.set(name, report);
    this.#failures.delete(name);
    if (JSON.stringify(before) !== JSON.stringify(report)) this.#deps.onReport(name, report);
  }
}

async function load(
  client: ControlClient,
  pod: PodAddress,
  { revision, document }: { readonly revision: number; readonly document: string },
  loaded: LoadedConfig,
): Promise<PodReport> {
  try {
    return { revision: (await client.load(pod, document)).revision, refusal: undefined };
  } catch (error) {
    // Anything else is no word on the config.
    if (!(error instanceof PodRefused && error.status === 422)) throw error;
    return { revision: loaded.revision, refusal: { revision, reason: error.message } };
  }
}
