/**
 * Asks the pods of a fleet now and then what others report of TLS with its domains. Nothing depends on the answers but statuses: while
 * one is missing, what is shown stays.
 */
import {
  type ReportedTls,
  reportsNext,
  type ShownReports,
  type TlsReports,
  tlsReportsOf,
} from '../status/tls-reports.ts';
import { type ControlClient, type PodAddress, PodRefused } from './control-client.ts';
import { type PollDeps, Visits } from './visits.ts';

/** Reports come once a day. */
const ASK_MS = 300_000;

export class TlsReportsPoll {
  readonly #deps: PollDeps;
  readonly #visits: Visits;
  /** The latest last. */
  readonly #answers = new Map<string, ReportedTls>();
  #names: readonly string[] = [];
  #isShared = false;
  #client: Pick<ControlClient, 'tlsReports'> | undefined;
  #shown: ShownReports | undefined;

  constructor(deps: PollDeps) {
    this.#deps = deps;
    const { clock, random, onFailure } = deps;
    this.#visits = new Visits({
      ...{ clock, random, onFailure },
      visit: (pod) => this.#ask(pod),
      onForgotten: (pod) => this.#answers.delete(pod),
      onUnreachable: () => {},
    });
  }

  /** Undefined while it is not known. */
  get shown(): TlsReports | undefined {
    return this.#shown?.reports;
  }

  /** Who asks from now on. */
  use(client: Pick<ControlClient, 'tlsReports'>): void {
    this.#client = client;
    this.#visits.visitAll();
  }

  /**
   * These pods, and no others: none where no domain asks for reports.
   *
   * @param isShared they all see one volume: any of them speaks for all
   */
  name(pods: readonly PodAddress[], isShared: boolean): void {
    this.#isShared = isShared;
    this.#names = pods.map(({ name }) => name);
    this.#visits.name(pods);
    this.#look();
  }

  stop(): Promise<void> {
    return this.#visits.stop();
  }

  async #ask(pod: PodAddress): Promise<number | undefined> {
    if (this.#client === undefined) return undefined;
    try {
      const answer = await this.#client.tlsReports(pod);
      // Another pod may have its name by now.
      if (!this.#visits.isNamed(pod)) return undefined;
      this.#answers.delete(pod.name);
      this.#answers.set(pod.name, answer);
    } catch (error) {
      // Its volume fails, or it is of a version that doesn't know of reports: soon that is no other.
      if (!(error instanceof PodRefused)) throw error;
      this.#deps.onFailure(error, pod.name);
    }
    this.#visits.answered(pod);
    this.#look();
    return ASK_MS;
  }

  /** Where a pod is still to be asked, a sum would be too small. */
  #look(): void {
    const answers = this.#names.flatMap((name) => this.#answers.get(name) ?? []);
    const isKnown = this.#isShared ? answers.length > 0 : answers.length === this.#names.length;
    if (!isKnown && this.#names.length > 0) return;
    const counting = this.#isShared ? [...this.#answers.values()].slice(-1) : answers;
    const before = this.#shown;
    this.#shown = reportsNext(before, tlsReportsOf(counting), this.#deps.clock.monotonic());
    if (this.#shown !== before) this.#deps.onChange();
  }
}
