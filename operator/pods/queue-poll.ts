/**
 * Asks each pod of a fleet, again and again, how much mail it has. Nothing depends on the answers but the status: a pod that doesn't
 * give one is named as silent, and asked on.
 */
import { type FleetQueue, type PodQueue, queueOf, type Shown, shownNext } from '../status/fleet-queue.ts';
import type { ControlClient, PodAddress } from './control-client.ts';
import { type PollDeps, Visits } from './visits.ts';

const ASK_MS = 15_000;

export class QueuePoll {
  readonly #deps: PollDeps;
  readonly #visits: Visits;
  readonly #answers = new Map<string, PodQueue>();
  #names: readonly string[] = [];
  #client: Pick<ControlClient, 'queue'> | undefined;
  #shown: Shown | undefined;

  constructor(deps: PollDeps) {
    this.#deps = deps;
    const { clock, random, onFailure } = deps;
    this.#visits = new Visits({
      ...{ clock, random, onFailure },
      visit: (pod) => this.#ask(pod),
      onForgotten: (pod) => this.#answers.delete(pod),
      onUnreachable: (pod) => {
        this.#answers.delete(pod);
        this.#look();
      },
    });
  }

  /** Undefined until each pod was asked. */
  get shown(): FleetQueue | undefined {
    return this.#shown?.queue;
  }

  /** Who asks from now on. */
  use(client: Pick<ControlClient, 'queue'>): void {
    this.#client = client;
    this.#visits.visitAll();
  }

  /** These pods, and no others. */
  name(pods: readonly PodAddress[]): void {
    this.#names = pods.map(({ name }) => name);
    this.#visits.name(pods);
    this.#look();
  }

  stop(): Promise<void> {
    return this.#visits.stop();
  }

  async #ask(pod: PodAddress): Promise<number | undefined> {
    if (this.#client === undefined) return undefined;
    const { isPartial, ...answer } = await this.#client.queue(pod);
    // Another pod may have its name by now.
    if (!this.#visits.isNamed(pod)) return undefined;
    this.#visits.answered(pod);
    // Of a worker that is just being replaced: what is known of the pod is better than that.
    if (!isPartial || !this.#answers.has(pod.name)) this.#answers.set(pod.name, answer);
    this.#look();
    return ASK_MS;
  }

  /** Where a pod is still to be asked, the sum would be too small: what is shown stays. */
  #look(): void {
    const { clock, onChange } = this.#deps;
    const unheard = this.#names.filter((name) => !this.#answers.has(name));
    if (!unheard.every((name) => this.#visits.isSilent(name))) return;
    const before = this.#shown;
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#shown =
      this.#names.length === 0
        ? undefined
        : shownNext(before, queueOf(this.#answers, unheard.toSorted(), now.wall), now);
    if (this.#shown !== before) onChange();
  }
}
