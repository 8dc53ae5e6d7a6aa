/**
 * Asks pods to leave, and to serve again, and knows how far they are. What a pod was asked is repeated for as long as it holds: a pod that
 * is started again may have forgotten it.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import type { Claim, LeavingReport } from '../life/plan.ts';
import { type ControlClient, type DrainAnswer, type PodAddress, PodRefused } from './control-client.ts';
import { Visits } from './visits.ts';

/** To leave with this proof, or to be there for mail. */
export type Wish = Claim | 'serve';

/** How often one that leaves is asked. */
const ASK_MS = 1000;
/** What a pod said so long ago is not built on. */
const OLD_MS = 30_000;
/** And one that has left: the proof is made anew each time. */
const ASK_DRAINED_MS = 10_000;

export interface DrainsDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** What is known of a pod's leaving is another than it was. Must not throw. */
  readonly onChange: (pod: string) => void;
  readonly onFailure: (error: unknown, pod: string) => void;
  /** To be done before a pod that was leaving is told to serve. */
  readonly beforeServing: (pod: string) => Promise<void>;
}

export class Drains {
  readonly #deps: DrainsDeps;
  readonly #visits: Visits;
  readonly #wishes = new Map<string, Wish>();
  readonly #reports = new Map<string, { readonly report: LeavingReport; readonly at: number }>();
  #client: ControlClient | undefined;

  constructor(deps: DrainsDeps) {
    this.#deps = deps;
    this.#visits = new Visits({
      ...deps,
      visit: (pod) => this.#visit(pod),
      onForgotten: (pod) => this.#reports.delete(pod),
      onUnreachable: (pod) => deps.onChange(pod),
    });
  }

  identify(client: ControlClient): void {
    this.#client = client;
    this.#visits.visitAll();
  }

  /** These pods, and no others. */
  want(pods: readonly { readonly pod: PodAddress; readonly wish: Wish }[]): void {
    for (const name of this.#wishes.keys()) {
      if (!pods.some(({ pod }) => pod.name === name)) this.#wishes.delete(name);
    }
    const changed = pods.filter(({ pod, wish }) => this.#wishes.get(pod.name) !== wish);
    for (const { pod, wish } of changed) {
      this.#wishes.set(pod.name, wish);
      this.#reports.delete(pod.name);
    }
    this.#visits.name(pods.map(({ pod }) => pod));
    for (const { pod } of changed) this.#visits.visit(pod.name);
  }

  /** Of one that leaves; undefined where it has not been heard for a while. */
  report(pod: string): LeavingReport | undefined {
    const { report, at } = this.#reports.get(pod) ?? {};
    return at !== undefined && this.#deps.clock.monotonic() - at < OLD_MS ? report : undefined;
  }

  isSilent(pod: string): boolean {
    return this.#visits.isSilent(pod);
  }

  stop(): Promise<void> {
    return this.#visits.stop();
  }

  async #visit(pod: PodAddress): Promise<number | undefined> {
    const client = this.#client;
    const wish = this.#wishes.get(pod.name);
    if (client === undefined || wish === undefined) return undefined;
    const answer = await ask(client, pod, wish, this.#deps.beforeServing);
    if (!this.#visits.isNamed(pod) || this.#wishes.get(pod.name) !== wish) return 0;
    this.#visits.answered(pod);
    this.#note(pod, wish === 'serve' ? undefined : reportOf(answer, wish));
    if (answer.state === 'notDraining') return undefined;
    return answer.state === 'drained' ? ASK_DRAINED_MS : ASK_MS;
  }

  #note({ name }: PodAddress, report: LeavingReport | undefined): void {
    const before = this.#reports.get(name)?.report;
    if (report === undefined) this.#reports.delete(name);
    else this.#reports.set(name, { report, at: this.#deps.clock.monotonic() });
    if (JSON.stringify(before) !== JSON.stringify(report)) this.#deps.onChange(name);
  }
}

/** A refusal is an answer: it says what keeps the pod. */
async function ask(
  client: ControlClient,
  pod: PodAddress,
  wish: Wish,
  beforeServing: DrainsDeps['beforeServing'],
): Promise<DrainAnswer> {
  try {
    let answer = await client.drain(pod);
    if (answer.state !== 'notDraining' && answer.claim !== wish) {
      await beforeServing(pod.name);
      answer = await client.cancelDrain(pod);
    }
    return wish === 'serve' || answer.state !== 'notDraining' ? answer : await client.beginDrain(pod, wish);
  } catch (error) {
    if (!(error instanceof PodRefused) || wish === 'serve') throw error;
    const problems = [{ subject: pod.name, reason: error.message, advice: 'See its log.' }];
    return { state: 'draining', claim: wish, messages: 0, problems, left: [] };
  }
}

/** What is said of them in one line of a status. */
const MOST_PROBLEMS = 3;

function reportOf(answer: DrainAnswer, claim: Claim): LeavingReport | undefined {
  if (answer.state === 'notDraining') return undefined;
  if (answer.state === 'drained') {
    return { state: 'drained', claim, messages: 0, proof: answer.proof.digest, problems: [] };
  }
  const problems = [
    ...answer.problems.map(({ subject, reason, advice }) => `${subject}: ${reason}. ${advice}`),
    ...answer.left.map(({ where, what }) => `${where === '' ? 'the volume' : where}: ${what}`),
  ];
  return {
    ...{ state: 'draining', claim, messages: answer.messages, proof: undefined },
    problems: problems.slice(0, MOST_PROBLEMS),
  };
}
