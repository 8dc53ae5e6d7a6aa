/**
 * Asks each pod of a fleet, again and again, how much mail it has. Nothing depends on the answers but the status: a pod that doesn't
 * give one is named as silent, and asked on.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import { type FleetQueue, type PodQueue, queueOf, type Shown, shownNext } from '../status/fleet-queue.ts';
import type { ControlClient, PodAddress } from './control-client.ts';

const ASK_MS = 15_000;
/** After so many failures in a row, some ten seconds at first, a pod is silent. */
const PATIENCE = 6;
const CONCURRENCY = 4;

export interface QueuePollDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** What there is to show is another than before. Must not throw. */
  readonly onChange: () => void;
  /** A pod could not be asked: it is tried again. */
  readonly onFailure: (error: unknown, pod: string) => void;
}

export class QueuePoll {
  readonly #deps: QueuePollDeps;
  readonly #queue: WorkQueue;
  readonly #pods = new Map<string, PodAddress>();
  readonly #answers = new Map<string, PodQueue>();
  readonly #silent = new Set<string>();
  #client: Pick<ControlClient, 'queue'> | undefined;
  #shown: Shown | undefined;

  constructor(deps: QueuePollDeps) {
    this.#deps = deps;
    const { clock, random, onFailure } = deps;
    this.#queue = new WorkQueue({
      ...{ clock, random, concurrency: CONCURRENCY, longestPauseMs: ASK_MS },
      work: (name) => this.#ask(name),
      onFailure: (error, name, failures) => {
        onFailure(error, name);
        if (failures < PATIENCE || !this.#pods.has(name)) return;
        this.#answers.delete(name);
        this.#silent.add(name);
        this.#look();
      },
    });
    this.#queue.start();
  }

  /** Undefined until each pod was asked. */
  get shown(): FleetQueue | undefined {
    return this.#shown?.queue;
  }

  /** Who asks from now on. */
  use(client: Pick<ControlClient, 'queue'>): void {
    this.#client = client;
    for (const name of this.#pods.keys()) this.#queue.add(name);
  }

  /** These pods, and no others. */
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
    this.#look();
  }

  async stop(): Promise<void> {
    this.#pods.clear();
    await this.#queue.stop();
  }

  #forget(name: string): void {
    this.#pods.delete(name);
    this.#answers.delete(name);
    this.#silent.delete(name);
  }

  async #ask(name: string): Promise<number | undefined> {
    const pod = this.#pods.get(name);
    if (pod === undefined || this.#client === undefined) return undefined;
    const { isPartial, ...answer } = await this.#client.queue(pod);
    // Another pod may have its name by now.
    if (this.#pods.get(name) !== pod) return undefined;
    // Of a worker that is just being replaced: what is known of the pod is better than that.
    if (isPartial && this.#answers.has(name)) return ASK_MS;
    this.#answers.set(name, answer);
    this.#silent.delete(name);
    this.#look();
    return ASK_MS;
  }

  /** Where a pod is still to be asked, the sum would be too small: what is shown stays. */
  #look(): void {
    const { clock, onChange } = this.#deps;
    if (this.#answers.size + this.#silent.size < this.#pods.size) return;
    const before = this.#shown;
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#shown =
      this.#pods.size === 0
        ? undefined
        : shownNext(before, queueOf(this.#answers, [...this.#silent].sort(), now.wall), now);
    if (this.#shown !== before) onChange();
  }
}
