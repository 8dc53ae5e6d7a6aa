/**
 * The operator: what is watched, which fleets and which statuses a change concerns, and the queues that they are worked on from. All of
 * several watch, so that one can take over at once; only their leader works.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { News } from '../events/news.ts';
import { isConflict } from '../kube/api-error.ts';
import type { Change } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import { type KubeObject, keyOf } from '../kube/resource.ts';
import { OWN_KINDS } from '../kube/resources.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import { OperatorMetrics } from '../metrics.ts';
import { isOurs, type PodSettings } from '../objects/fleet.ts';
import type { PodAddress } from '../pods/control-client.ts';
import { affected } from './affected.ts';
import { FleetController } from './fleet-controller.ts';
import type { FleetState } from './fleet-state.ts';
import { PasswordController } from './password-controller.ts';
import { StatusController } from './status-controller.ts';
import { fleetsOf, type OwnObject, type PodObject, Watched } from './watched.ts';

export interface OperatorDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: PodSettings;
  /** All namespaces where absent. */
  readonly namespace?: string;
  readonly addressOf?: (pod: PodObject) => PodAddress | undefined;
  readonly metrics?: OperatorMetrics;
  /** Name of this process, in the events that it writes. */
  readonly instance?: string;
}

const FLEETS_AT_ONCE = 4;
const STATUSES_AT_ONCE = 16;
const PASSWORDS_AT_ONCE = 4;
const LOOK_MS = 50;

export class Operator {
  readonly watched: Watched;
  readonly #deps: OperatorDeps;
  readonly #controller: FleetController;
  readonly #fleets: WorkQueue;
  readonly #statuses: WorkQueue;
  readonly #passwords: WorkQueue;
  readonly #passwordsOf: PasswordController;
  #isLeading = false;
  /** State of each fleet, as its statuses were told last. */
  readonly #told = new Map<string, FleetState>();
  #stopped = false;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
    const { client, clock, random, logger, namespace } = deps;
    const { metrics = new OperatorMetrics(), instance = 'operator' } = deps;
    const watched = new Watched({
      ...{ client, clock, random },
      ...(namespace !== undefined && { namespace }),
      onFailure: (error, { plural }) => logger.warn({ resource: plural, err: error }, 'watch failed'),
      onInstalled: () => this.#allFleets(),
    });
    this.watched = watched;
    this.#controller = new FleetController({
      ...{ ...deps, watched },
      onState: (fleet) => this.#tell(fleet),
      onStale: (fleet) => this.#fleets.add(fleet),
      onMta: (fleet) => this.#statuses.add(`MTA/${fleet}`),
      onProgrammed: (seconds) => metrics.programmed(seconds),
    });
    const news = new News({
      ...{ client, clock, logger, metrics, instance },
      onHeard: (fleet) => this.#statuses.add(`MTA/${fleet}`),
    });
    const statuses = new StatusController({
      ...{ client, watched, clock },
      stateOf: (fleet) => this.#controller.state(fleet),
      heardOf: (fleet, of) => news.heardOf(fleet, of),
      onWritten: (kind, before, status) => news.tell(kind, before, status),
    });
    // Somebody was faster: the watch tells what they did.
    const levelOf = (error: unknown, failures: number) =>
      failures === 1 && isConflict(error) ? 'debug' : 'warn';
    const onFailure = (error: unknown, key: string, failures: number): void =>
      logger[levelOf(error, failures)]({ key, failures, err: error }, 'reconcile failed');
    this.#fleets = new WorkQueue({
      ...{ clock, random, concurrency: FLEETS_AT_ONCE, onFailure },
      onTurn: (turn) => metrics.turn('fleet', turn),
      work: (key) => this.#controller.reconcile(key),
    });
    this.#statuses = new WorkQueue({
      ...{ clock, random, concurrency: STATUSES_AT_ONCE, onFailure },
      onTurn: (turn) => metrics.turn('status', turn),
      work: (key) => statuses.reconcile(key),
    });
    this.#passwordsOf = new PasswordController({ client, watched, random });
    this.#passwords = new WorkQueue({
      ...{ clock, random, concurrency: PASSWORDS_AT_ONCE, onFailure },
      onTurn: (turn) => metrics.turn('password', turn),
      work: (key) => this.#passwordsOf.reconcile(key),
    });
    const queues = { fleet: this.#fleets, status: this.#statuses, password: this.#passwords };
    metrics.observe({
      queues: () =>
        Object.entries(queues).map(([controller, { depth, failing }]) => ({ controller, depth, failing })),
      watches: () => watched.ages(),
      fleets: () => this.#controller.lags(),
      isLeading: () => this.#isLeading,
    });
  }

  watch(): void {
    this.watched.start();
  }

  /** Works, once everything has been seen: half of the truth would take away what is on the other half. */
  async lead(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#stopped && this.watched.unsynced.length > 0) {
      await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
    }
    if (this.#stopped) return;
    this.#isLeading = true;
    this.#connect();
    for (const object of this.watched.own('MTA').values()) this.#fleets.add(keyOf(object.metadata));
    for (const kind of OWN_KINDS.keys()) {
      for (const object of this.watched.own(kind).values()) this.#statuses.add(statusKey(kind, object));
    }
    for (const user of this.watched.own('MailUser').values()) this.#passwords.add(keyOf(user.metadata));
    this.#fleets.start();
    this.#statuses.start();
    this.#passwords.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#isLeading = false;
    await Promise.all([this.#fleets.stop(), this.#statuses.stop(), this.#passwords.stop()]);
    await this.#controller.stop();
    await this.watched.stop();
  }

  #connect(): void {
    const { watched } = this;
    for (const kind of OWN_KINDS.keys()) {
      watched.own(kind).onChange((change) => this.#ownChanged(kind, change));
    }
    watched.pods.onChange((change) => this.#madeChanged(change));
    for (const type of watched.madeTypes) watched.made(type).onChange((change) => this.#madeChanged(change));
    watched.secrets.onChange((change) => {
      // What is ours concerns its fleet alone.
      if (fleetOf(change) === undefined) this.#allFleets();
      if (change.after === undefined)
        for (const user of this.#passwordsOf.usersOf(change.before!)) this.#passwords.add(user);
    });
    watched.namespaces?.onChange(({ before, after }) => {
      if (!isDeepStrictEqual(before?.metadata.labels, after?.metadata.labels)) this.#allFleets();
    });
  }

  #ownChanged(kind: string, { before, after }: Change<OwnObject>): void {
    this.#statuses.add(statusKey(kind, (after ?? before)!));
    // A status is no reason to look at a fleet again.
    if (before !== undefined && after !== undefined && isDeepStrictEqual(essence(before), essence(after)))
      return;
    if (kind === 'MailUser') this.#passwords.add(keyOf((after ?? before)!.metadata));
    if (kind !== 'MTA') {
      for (const fleet of new Set([...fleetsOf(before), ...fleetsOf(after)])) this.#fleets.add(fleet);
      return;
    }
    const key = keyOf((after ?? before)!.metadata);
    this.#fleets.add(key);
    if (before === undefined || after === undefined)
      for (const each of this.#attached(key)) this.#statuses.add(each);
  }

  /** Somebody has changed what we made, or a pod has come, gone, or become ready. */
  #madeChanged(change: Change<KubeObject>): void {
    const fleet = fleetOf(change);
    if (fleet === undefined) return;
    this.#fleets.add(fleet);
    // Also where the fleet's turn fails: then its status has to say why.
    this.#statuses.add(`MTA/${fleet}`);
  }

  #allFleets(): void {
    for (const { metadata } of this.watched.own('MTA').values()) this.#fleets.add(keyOf(metadata));
  }

  /** Statuses that speak of a fleet may be others now. */
  #tell(fleet: string): void {
    this.#statuses.add(`MTA/${fleet}`);
    const state = this.#controller.state(fleet);
    const before = this.#told.get(fleet);
    if (state === undefined) {
      // Gone, and perhaps told so before the watch has: then nothing could be said yet.
      this.#told.delete(fleet);
      for (const key of this.#attached(fleet)) this.#statuses.add(key);
      return;
    }
    this.#told.set(fleet, state);
    const changed = new Set(affected(before, state));
    if (changed.size > 0)
      for (const key of this.#attached(fleet)) if (changed.has(key)) this.#statuses.add(key);
  }

  /** Keys of all resources that name a fleet. */
  *#attached(fleet: string): Generator<string> {
    for (const kind of OWN_KINDS.keys()) {
      if (kind === 'MTA') continue;
      for (const object of this.watched.own(kind).values()) {
        if (fleetsOf(object).includes(fleet)) yield statusKey(kind, object);
      }
    }
  }
}

const statusKey = (kind: string, { metadata }: KubeObject): string => `${kind}/${keyOf(metadata)}`;

const essence = ({ metadata }: KubeObject) => ({
  ...{ uid: metadata.uid, generation: metadata.generation, gone: metadata.deletionTimestamp },
  ...{ labels: metadata.labels, annotations: metadata.annotations },
});

/** The fleet that an object was made for, or that a pod is of. */
function fleetOf({ before, after }: Change<KubeObject>): string | undefined {
  const { metadata } = (after ?? before)!;
  const name = metadata.labels?.['app.kubernetes.io/instance'];
  return isOurs(metadata) && name !== undefined ? keyOf({ namespace: metadata.namespace, name }) : undefined;
}
