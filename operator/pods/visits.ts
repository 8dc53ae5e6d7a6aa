/**
 * Visits to the pods of a fleet, one at a time to each. A pod that can't be reached is on its way up, or down: it is visited again soon,
 * and after a few failures in a row it is silent. One whose address has changed is another process: what was known of it is forgotten.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import type { PodAddress } from './control-client.ts';

const LONGEST_PAUSE_MS = 5000;
/** After so many failures in a row a pod is taken to be out of reach. */
const PATIENCE = 3;
/** Pods that are talked to at once. */
const CONCURRENCY = 8;

export interface VisitsDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves with the ms after which to come again, if at all; rejects where the pod could not be asked. */
  readonly visit: (pod: PodAddress) => Promise<number | undefined>;
  /** Must not throw, as none of these. */
  readonly onForgotten: (pod: string) => void;
  readonly onFailure: (error: unknown, pod: string) => void;
  /** It is silent from now on. */
  readonly onUnreachable: (pod: string) => void;
}

/** Of who asks pods for something that is shown. */
export interface PollDeps extends Pick<VisitsDeps, 'clock' | 'random'> {
  /** What there is to show is another than before. Must not throw. */
  readonly onChange: () => void;
  /** A pod could not be asked: it is tried again. */
  readonly onFailure: VisitsDeps['onFailure'];
}

export class Visits {
  readonly #deps: VisitsDeps;
  readonly #queue: WorkQueue;
  readonly #pods = new Map<string, PodAddress>();
  /** In a row, by pod. */
  readonly #failures = new Map<string, number>();

  constructor(deps: VisitsDeps) {
    this.#deps = deps;
    const { clock, random } = deps;
    this.#queue = new WorkQueue({
      ...{ clock, random, concurrency: CONCURRENCY, longestPauseMs: LONGEST_PAUSE_MS },
      work: (name) => this.#visit(name),
      onFailure: (error, name, failures) => this.#failed(error, name, failures),
    });
    this.#queue.start();
  }

  /** These pods, and no others. Those that are new are visited. */
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

  visit(name: string): void {
    if (this.#pods.has(name)) this.#queue.add(name);
  }

  visitAll(): void {
    for (const name of this.#pods.keys()) this.#queue.add(name);
  }

  /** Whether this is still the pod of that name. */
  isNamed(pod: PodAddress): boolean {
    return this.#pods.get(pod.name) === pod;
  }

  isSilent(name: string): boolean {
    return (this.#failures.get(name) ?? 0) >= PATIENCE;
  }

  /** It has been reached. */
  answered(pod: PodAddress): void {
    if (this.isNamed(pod)) this.#failures.delete(pod.name);
  }

  async stop(): Promise<void> {
    this.#pods.clear();
    await this.#queue.stop();
  }

  #forget(name: string): void {
    this.#pods.delete(name);
    this.#failures.delete(name);
    this.#deps.onForgotten(name);
  }

  async #visit(name: string): Promise<number | undefined> {
    const pod = this.#pods.get(name);
    return pod === undefined ? undefined : this.#deps.visit(pod);
  }

  #failed(error: unknown, name: string, failures: number): void {
    this.#deps.onFailure(error, name);
    if (!this.#pods.has(name)) return;
    this.#failures.set(name, failures);
    if (failures === PATIENCE) this.#deps.onUnreachable(name);
  }
}
