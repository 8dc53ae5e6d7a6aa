/**
 * Makes an MTA what it says: looks at everything that it is made of, decides, writes what is not as it should be, and brings the config
 * to its pods. Level-based: it may be stopped anywhere, and does nothing where nothing is to be done.
 */
import type { Logger } from 'pino';
import { mta as mtaKind } from '../../crds/mta.ts';
import type { Clock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import type { Random } from '../../mta/random.ts';
import { compile } from '../compile/compile.ts';
import { idOf } from '../compile/report.ts';
import type { CompileResult } from '../compile/types.ts';
import { makeVerifier } from '../compile/verifier.ts';
import { podEnvironment } from '../fleet/environment.ts';
import { FleetConfig } from '../fleet/fleet-config.ts';
import { KeptVerifiers } from '../fleet/kept-verifiers.ts';
import { Programming } from '../fleet/programming.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf, nameOf } from '../kube/resource.ts';
import { SECRETS } from '../kube/resources.ts';
import type { LifePlan } from '../life/plan.ts';
import { type LifeState, lifeState } from '../life/state.ts';
import { type Fleet, isOf, names, type PodSettings } from '../objects/fleet.ts';
import { objectsOf } from '../objects/objects.ts';
import { isToBeReplaced } from '../objects/queue-settings.ts';
import { ConfigPush } from '../pods/config-push.ts';
import { ControlClient, type PodAddress } from '../pods/control-client.ts';
import { Drains } from '../pods/drains.ts';
import { QueuePoll } from '../pods/queue-poll.ts';
import { TlsReportsPoll } from '../pods/tls-reports-poll.ts';
import { listedIn } from '../status/dane.ts';
import { isServing } from '../status/pod-trouble.ts';
import { recordsOf } from '../status/records.ts';
import { keepSame } from './affected.ts';
import { Applier } from './applier.ts';
import { credentialsOf } from './credentials.ts';
import { FINALIZER, FleetLife, isPaused } from './fleet-life.ts';
import { podAddress, seenPods, taken, wishesOf } from './fleet-pods.ts';
import type { FleetState } from './fleet-state.ts';
import { type Observed, observe, specsOf } from './observe.ts';
import { StoredConfig } from './stored-config.ts';
import type { PodObject, Watched } from './watched.ts';

export interface FleetControllerDeps {
  readonly client: KubeClient;
  readonly watched: Watched;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: PodSettings;
  /** Port of the control port of pods, where a test has another one than pods have. */
  readonly addressOf?: (pod: PodObject) => PodAddress | undefined;
  /** Something that statuses speak of may be another now. */
  readonly onState: (fleet: string) => void;
  /** It is to be reconciled: what it is made from may be another now, or a pod has said something on which it depends. */
  readonly onStale: (fleet: string) => void;
  /** Nothing but the status of the MTA itself may be another now. */
  readonly onMta: (fleet: string) => void;
  /** Every serving pod has loaded what was new, after so many seconds. */
  readonly onProgrammed?: (seconds: number) => void;
}

interface Running {
  readonly config: FleetConfig;
  readonly push: ConfigPush;
  readonly drains: Drains;
  readonly queue: QueuePoll;
  readonly tlsReports: TlsReportsPoll;
  readonly applier: Applier;
  readonly programming: Programming;
  readonly verifiers: KeptVerifiers;
  life: LifeState | undefined;
  /** Version of the config that pods start with. */
  stored: number | undefined;
  /** It is not replaced yet: a pod could not read the version that is written now. */
  isHeld: boolean;
  tlsa: FleetState['tlsa'];
  specs: FleetState['specs'];
  findings: FleetState['findings'];
  /** To be issued for Policy Hosts. */
  certificates: CompileResult['certificates'];
  records: FleetState['records'];
  /** As it was worked out last, until something of it is another. */
  state: FleetState | undefined;
}

export class FleetController {
  readonly #deps: FleetControllerDeps;
  readonly #life: FleetLife;
  readonly #stored: StoredConfig;
  /** By `namespace/name`. */
  readonly #running = new Map<string, Running>();

  constructor(deps: FleetControllerDeps) {
    this.#deps = deps;
    this.#life = new FleetLife(deps.client, deps.watched);
    this.#stored = new StoredConfig(deps.client, deps.watched);
    deps.watched.pods.onChange(() => {
      for (const running of this.#running.values()) running.state = undefined;
    });
  }

  /** Resolves with the ms after which to look again. */
  async reconcile(key: string): Promise<number | undefined> {
    const { watched, clock } = this.#deps;
    const object = watched.own('MTA').get(key);
    const parsed = object && mtaKind.spec.safeParse(object.spec);
    if (object === undefined || !parsed?.success) return this.#end(key);
    const { name, namespace = '', uid = '', deletionTimestamp, finalizers = [] } = object.metadata;
    const isEnding = deletionTimestamp !== undefined;
    if (isEnding && !finalizers.includes(FINALIZER)) return this.#end(key);
    const fleet: Fleet = { namespace, name, uid, spec: parsed.data, isEnding };
    const running = this.#running.get(key) ?? this.#begin(fleet);
    if (isPaused(object)) {
      this.#look(fleet, running);
      this.#changed(key);
      return undefined;
    }

    if (!isEnding) await this.#life.hold(object);
    const pods = this.#pods(fleet);
    const plan = this.#life.plan(fleet, seenPods(pods, running.drains));
    running.life = lifeState(fleet, plan, (pod) => running.drains.report(pod));
    if (plan.isOver) {
      await this.#life.after(fleet, plan);
      await this.#life.end(fleet, object);
      return this.#end(key);
    }
    const { applier } = running;
    applier.begin();
    const next = await this.#write(fleet, plan, running, pods);
    const addresses = this.#addressesOf(pods);
    running.push.name(addresses);
    running.queue.name(addresses);
    const { domains = [], queue } = running.config.current ?? {};
    const isAsked = domains.some(({ tlsRpt }) => tlsRpt !== undefined);
    running.tlsReports.name(isAsked ? addresses : [], queue?.mode === 'Shared');
    running.drains.want(wishesOf(fleet, plan, addresses));
    applier.end();
    this.#changed(key);
    // No volume goes where the StatefulSet may not be as it was to be.
    applier.check();
    await this.#life.after(fleet, plan);
    return next - clock.now();
  }

  /** Of each fleet, for how long there has been something that not every pod has loaded. */
  *lags(): IterableIterator<{ readonly fleet: string; readonly seconds: number }> {
    for (const [fleet, { programming }] of this.#running) yield { fleet, seconds: programming.lagSeconds };
  }

  /** Resolves with the time at which something is due. */
  async #write(fleet: Fleet, plan: LifePlan, running: Running, pods: readonly PodObject[]): Promise<number> {
    const { watched, clock, random } = this.#deps;
    const { namespace } = fleet;
    const members = Math.max(plan.replicas, this.#life.replicas(fleet));
    const credentials = credentialsOf(
      fleet,
      Array.from({ length: members }, (_, ordinal) => names.pod(fleet, ordinal)),
      {
        authority: watched.secrets.get(keyOf({ namespace, name: names.authority(fleet) })),
        identities: watched.secrets.get(keyOf({ namespace, name: names.identities(fleet) })),
        operator: running.push.identity,
      },
      clock.now(),
      random,
    );
    for (const secret of credentials.secrets) await running.applier.apply(SECRETS, secret);
    if (running.push.identity !== credentials.operator) {
      const client = new ControlClient(fleet, credentials.operator, clock);
      running.push.identify(credentials.operator, client);
      running.drains.identify(client);
      running.queue.use(client);
      running.tlsReports.use(client);
    }
    const looked = this.#look(fleet, running);
    // Not where nothing comes of it, as in a fleet that is paused: what is listed is of what is shown.
    running.tlsa = looked.tlsa;
    const compiled = looked.config ?? (fleet.isEnding ? running.config.current : undefined);
    // A key whose time has come is shown, though nothing has changed.
    const next = Math.min(credentials.next, running.tlsa?.next ?? Number.POSITIVE_INFINITY);
    const { replicas } = plan;
    if (compiled === undefined) {
      await this.#make(fleet, undefined, replicas, running);
      return next;
    }
    // A process that is started again serves until it is asked to drain, and no mail may come in then. None does at the web port, which closes with the drain.
    const isClosing = fleet.isEnding === true && fleet.spec.deletionPolicy === 'Deliver';
    const before = running.config.current;
    const config = running.config.next(
      isClosing ? { ...compiled, listeners: [] } : compiled,
      taken(running.push.reports),
    );
    if (config !== before) running.programming.made(config.revision);
    running.records = recordsOf(config, fleet.spec);
    await this.#life.before(fleet, plan);
    const isOther = running.stored !== undefined && running.stored !== config.version;
    const all = pods.map(({ metadata }) => metadata.name);
    running.isHeld = isOther && running.push.mayNotRead(config.version, all);
    await running.applier.attempt(() => this.#make(fleet, config, replicas, running));
    running.push.push(config);
    return next;
  }

  /** What compile makes of it. */
  #look(fleet: Fleet, running: Running): CompileResult {
    const observed = observe(this.#deps.watched);
    const result = this.#compile(fleet, observed, running);
    running.specs = specsOf(this.#deps.watched);
    running.findings = keepSame(running.findings, result.diagnostics, ({ resource }) => idOf(resource));
    running.certificates = result.certificates;
    running.state = undefined;
    return result;
  }

  /** Undefined where it is not known, or not any more. */
  state(key: string): FleetState | undefined {
    const running = this.#running.get(key);
    if (running !== undefined) running.state ??= this.#stateOf(key, running);
    return running?.state;
  }

  #stateOf(key: string, running: Running): FleetState {
    const { config, push, queue, tlsReports, applier, findings, records, specs, life, tlsa } = running;
    const { namespace = '', name } = nameOf(key);
    const pods = this.#pods({ namespace, name });
    const serving = pods.filter(isServing);
    const reports = serving.map(({ metadata }) => {
      const { revision = 0, isForeign } = push.reports.get(metadata.name) ?? {};
      return isForeign ? 0 : revision;
    });
    const refusing = this.#staying({ namespace, name }, pods).find(
      (pod) => push.reports.get(pod)?.refusal !== undefined,
    );
    return {
      specs,
      findings,
      fragments: config.fragments,
      records,
      loaded: reports.length === 0 ? undefined : Math.min(...reports),
      isAsking: serving.some(({ metadata }) => push.isAsking(metadata.name)),
      refusal:
        refusing === undefined ? undefined : { pod: refusing, ...push.reports.get(refusing)!.refusal! },
      life,
      ...{ pods, refused: applier.refused, queue: queue.shown, tlsReports: tlsReports.shown, tlsa },
    };
  }

  #changed(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.state = undefined;
    running.programming.loaded(this.state(key)?.loaded);
    this.#deps.onState(key);
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#running.keys(), (key) => this.#end(key)));
  }

  #begin(fleet: Fleet): Running {
    const { client, watched, clock, random, logger, onStale, onMta, onProgrammed } = this.#deps;
    const key = keyOf(fleet);
    const onFailure = (error: unknown, pod: string): void =>
      logger.info({ fleet: key, pod, err: error }, 'pod could not be asked');
    const stored = this.#stored.read(fleet);
    const running: Running = {
      config: new FleetConfig(stored, random),
      push: new ConfigPush({
        ...{ clock, random },
        onReport: (_, { isForeign }) => {
          if (running.isHeld || isForeign) onStale(key);
          this.#changed(key);
        },
        onUnreachable: () => {
          if (running.isHeld) onStale(key);
          this.#changed(key);
        },
        onFailure,
      }),
      drains: new Drains({
        ...{ clock, random, onFailure },
        onChange: () => onStale(key),
        beforeServing: (pod) => this.#life.beforeServing(fleet, pod, clock.now()),
      }),
      queue: new QueuePoll({
        ...{ clock, random },
        // The push says so, too.
        onFailure: (error, pod) => logger.debug({ fleet: key, pod, err: error }, 'queue could not be asked'),
        onChange() {
          running.state = undefined;
          onMta(key);
        },
      }),
      tlsReports: new TlsReportsPoll({
        ...{ clock, random },
        onFailure: (error, pod) =>
          logger.debug({ fleet: key, pod, err: error }, 'TLS reports could not be asked for'),
        onChange: () => this.#changed(key),
      }),
      applier: new Applier(client, watched),
      programming: new Programming(clock, (seconds) => onProgrammed?.(seconds)),
      verifiers: new KeptVerifiers({
        ...{ clock, random, salt: fleet.uid, make: makeVerifier, onReady: () => onStale(key) },
        onFailure: (error) => logger.warn({ fleet: key, err: error }, 'verifier could not be made'),
      }),
      life: undefined,
      stored: stored?.version,
      isHeld: false,
      tlsa: undefined,
      specs: new Map(),
      findings: new Map(),
      certificates: [],
      records: new Map(),
      state: undefined,
    };
    this.#running.set(key, running);
    return running;
  }

  async #end(key: string): Promise<undefined> {
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#running.delete(key);
    await Promise.all(
      [running.push, running.drains, running.queue, running.tlsReports, running.verifiers].map((each) =>
        each.stop(),
      ),
    );
    this.#deps.onState(key);
  }

  #compile({ namespace, name }: Fleet, observed: Observed, { config, verifiers }: Running): CompileResult {
    const { watched, clock } = this.#deps;
    const records = listedIn(watched.own('MTA').get(keyOf({ namespace, name }))?.status);
    return verifiers.during(config.current, (verifierFor) =>
      compile({
        mta: { namespace, name },
        ...observed,
        programmed: config.current,
        revision: 0,
        environment: podEnvironment({ namespace, name }, verifierFor),
        listed: { now: clock.now(), records },
      }),
    );
  }

  /** @param config undefined where there is none that could run, as something is missing that the MTA names */
  async #make(
    fleet: Fleet,
    config: MtaConfig | undefined,
    replicas: number,
    running: Running,
  ): Promise<void> {
    const { applier, certificates } = running;
    const { before, after } = objectsOf(fleet, this.#deps.settings, {
      ...{ isWhole: config !== undefined, replicas, certificates },
    });
    for (const { type, object } of before) await applier.apply(type, object);
    if (config === undefined) return;
    if (!running.isHeld) {
      await this.#stored.write(fleet, config, applier);
      running.stored = config.version;
    }
    for (const { type, object } of after) await applier.apply(type, object);
    await applier.prune(fleet, [...before, ...after]);
  }

  #pods(fleet: { readonly namespace: string; readonly name: string }): PodObject[] {
    return [...this.#deps.watched.pods.values()].filter(({ metadata }) => isOf(fleet, metadata));
  }

  /** Names of those that a change of the queue's settings does not replace anyway. */
  #staying(fleet: { readonly namespace: string; readonly name: string }, pods: readonly PodObject[]) {
    const { namespace } = fleet;
    const set = this.#deps.watched.statefulSets.get(keyOf({ namespace, name: names.statefulSet(fleet) }));
    return pods.flatMap(({ metadata }) =>
      isToBeReplaced(metadata, set?.spec?.template?.metadata) ? [] : [metadata.name],
    );
  }

  #addressesOf(pods: readonly PodObject[]): PodAddress[] {
    const { addressOf = podAddress } = this.#deps;
    return pods.flatMap((pod) => addressOf(pod) ?? []);
  }
}
