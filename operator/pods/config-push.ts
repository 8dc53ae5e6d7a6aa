/**
 * Brings the newest config of a fleet to each of its pods, and knows which has loaded what. A pod that is behind, as it was restarted or
 * could not be reached, is found by asking, again and again. One that refuses a revision is left with the one before, which
 * it serves on with, until there is a newer one.
 */
import type { Clock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import type { Random } from '../../mta/random.ts';
import {
  type ClientIdentity,
  type ControlClient,
  type LoadedConfig,
  type PodAddress,
  PodRefused,
} from './control-client.ts';
import { Visits } from './visits.ts';

/** How often a pod that has the newest config is asked whether it still has. */
const ASK_MS = 10_000;

export interface PodReport {
  /** What it has loaded. */
  readonly revision: number;
  /**
   * That is of an operator whose record of it isn't ours: it has the number of ours, or a higher one, and may have anything in it.
   */
  readonly isForeign: boolean;
  /** Versions of a config that it can read. */
  readonly reads: readonly number[];
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

interface Newest {
  readonly version: number;
  readonly revision: number;
  readonly id: string | undefined;
  readonly document: string;
}

export class ConfigPush {
  readonly #deps: ConfigPushDeps;
  readonly #visits: Visits;
  readonly #reports = new Map<string, PodReport>();
  #client: ControlClient | undefined;
  #identity: ClientIdentity | undefined;
  #newest: Newest | undefined;

  constructor(deps: ConfigPushDeps) {
    this.#deps = deps;
    this.#visits = new Visits({
      ...deps,
      visit: (pod) => this.#visit(pod),
      onForgotten: (pod) => this.#reports.delete(pod),
    });
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
    this.#visits.visitAll();
  }

  /** By pod, of those that have been reached since they are named. */
  get reports(): ReadonlyMap<string, PodReport> {
    return this.#reports;
  }

  /** Whether it isn't known yet what a pod has loaded, and may soon be. */
  isAsking(pod: string): boolean {
    return !this.#reports.has(pod) && !this.#visits.isSilent(pod);
  }

  /** Whether one of these pods can't read a version of a config, or perhaps can't, as it has not been asked yet. */
  mayNotRead(version: number, pods: readonly string[]): boolean {
    return pods.some(
      (pod) => this.isAsking(pod) || this.#reports.get(pod)?.reads.includes(version) === false,
    );
  }

  /** Whether it has not answered for a while. */
  isSilent(pod: string): boolean {
    return this.#visits.isSilent(pod);
  }

  /** These pods, and no others. */
  name(pods: readonly PodAddress[]): void {
    this.#visits.name(pods);
  }

  /** The newest config, whose revision is higher than that of any before. */
  push(config: MtaConfig): void {
    if (this.#newest?.revision === config.revision) return;
    const { version, revision, id } = config;
    this.#newest = { version, revision, id, document: JSON.stringify(config) };
    this.#visits.visitAll();
  }

  async stop(): Promise<void> {
    const stopped = this.#visits.stop();
    this.#client?.close();
    await stopped;
  }

  async #visit(pod: PodAddress): Promise<number | undefined> {
    const client = this.#client;
    if (client === undefined) return undefined;
    const found = await client.config(pod);
    const newest = this.#newest;
    const { revision, reads } = found;
    const loaded = { revision, reads, isForeign: newest !== undefined && isForeign(found, newest) };
    const before = this.#reports.get(pod.name);
    if (newest === undefined || revision >= newest.revision) {
      this.#note(pod, { ...loaded, refusal: undefined });
    } else if (!reads.includes(newest.version)) {
      this.#note(pod, {
        ...loaded,
        refusal: { revision: newest.revision, reason: cannotRead(reads, newest) },
      });
    } else if (before?.refusal?.revision === newest.revision && before.reads.includes(newest.version)) {
      this.#note(pod, { ...loaded, refusal: before.refusal });
    } else {
      this.#note(pod, { ...loaded, refusal: undefined });
      this.#note(pod, await load(client, pod, newest, loaded));
    }
    return ASK_MS;
  }

  #note(pod: PodAddress, report: PodReport): void {
    const { name } = pod;
    // Another pod may have its name by now.
    if (!this.#visits.isNamed(pod)) return;
    this.#visits.answered(pod);
    const before = this.#reports.get(name);
    this.#reports.set(name, report);
    if (JSON.stringify(before) !== JSON.stringify(report)) this.#deps.onReport(name, report);
  }
}

/** An mta that tells no id may be of a release before there were any. */
const isForeign = ({ revision, id }: LoadedConfig, newest: Newest): boolean =>
  revision > newest.revision || (revision === newest.revision && id !== undefined && id !== newest.id);

const cannotRead = (reads: readonly number[], { version }: Newest): string =>
  `it reads version ${reads.join(' and ')} of a config, and this operator writes version ${version}: it goes on once it has been replaced by a newer one`;

async function load(
  client: ControlClient,
  pod: PodAddress,
  { revision, document }: Newest,
  loaded: Pick<PodReport, 'revision' | 'reads' | 'isForeign'>,
): Promise<PodReport> {
  try {
    return { ...loaded, revision: (await client.load(pod, document)).revision, refusal: undefined };
  } catch (error) {
    // Anything else is no word on the config.
    if (!(error instanceof PodRefused && error.status === 422)) throw error;
    return { ...loaded, refusal: { revision, reason: error.message } };
  }
}
