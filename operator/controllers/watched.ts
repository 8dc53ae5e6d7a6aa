/** Everything that the operator watches: one reflector for each resource, and what is kept of each object. */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import type { Cache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import { Reflector } from '../kube/reflector.ts';
import { type KubeObject, keyOf, type ObjectMeta, type ResourceType } from '../kube/resource.ts';
import {
  CONFIG_MAPS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NETWORK_POLICIES,
  OPTIONAL,
  OWN_KINDS,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../kube/resources.ts';
import { MANAGED_BY } from '../objects/fleet.ts';

/** Our kinds: their spec and status are looked at by whoever needs them. */
export interface OwnObject extends KubeObject {
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

/** Fleets that a resource names, as `namespace/name`. */
export function fleetsOf(object: OwnObject | undefined): string[] {
  const refs = (object?.spec?.['mtaRefs'] ?? []) as readonly { name: string; namespace?: string }[];
  return refs.map(({ name, namespace = object!.metadata.namespace }) => keyOf({ namespace, name }));
}

export interface SecretObject extends KubeObject {
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** What tells why a pod doesn't serve. */
export interface PodObject extends KubeObject {
  readonly status?: {
    readonly podIP?: string;
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  /** How it ended the time before. */
  readonly lastState?: ContainerState;
}

export interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string };
}

export interface ClaimObject extends KubeObject {
  readonly spec?: {
    readonly accessModes?: readonly string[];
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
  };
  readonly status?: { readonly phase?: string };
}

export interface StatefulSetObject extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly metadata?: Pick<ObjectMeta, 'annotations'> };
  };
  readonly status?: {
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  };
}

/** What is made for fleets, and looked at before it is written again. */
const MADE = [
  ...[CONFIG_MAPS, SERVICES, SERVICE_ACCOUNTS, VOLUME_CLAIMS],
  ...[DISRUPTION_BUDGETS, NETWORK_POLICIES],
  ...OPTIONAL.keys(),
];

export interface WatchedDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  /** All namespaces where absent. */
  readonly namespace?: string;
  readonly onFailure: (error: unknown, type: ResourceType) => void;
  /** A kind of others is there by now. */
  readonly onInstalled: (type: ResourceType) => void;
}

export class Watched {
  readonly #reflectors: Reflector<KubeObject>[] = [];
  readonly #own = new Map<string, Cache<OwnObject>>();
  readonly #made = new Map<ResourceType, Cache<KubeObject>>();
  readonly secrets: Cache<SecretObject>;
  readonly pods: Cache<PodObject>;
  readonly statefulSets: Cache<StatefulSetObject>;
  /** Undefined where the operator may see one namespace alone: its labels are not known then. */
  readonly namespaces: Cache<KubeObject> | undefined;

  constructor({ namespace, ...deps }: WatchedDeps) {
    const watch = <T extends KubeObject>(
      type: ResourceType,
      labelSelector?: string,
      reduce?: (object: T) => T,
    ): Cache<T> => {
      const scope = { namespace, labelSelector };
      const reflector = new Reflector<T>(deps, type, scope, reduce, OPTIONAL.has(type));
      this.#reflectors.push(reflector as unknown as Reflector<KubeObject>);
      return reflector.cache;
    };
    for (const [kind, type] of OWN_KINDS) this.#own.set(kind, watch<OwnObject>(type));
    this.secrets = watch<SecretObject>(SECRETS, undefined, withoutForeign);
    this.pods = watch<PodObject>(PODS, MANAGED_BY);
    this.statefulSets = watch<StatefulSetObject>(STATEFUL_SETS, MANAGED_BY);
    for (const type of MADE) this.#made.set(type, watch(type, MANAGED_BY));
    this.#made.set(STATEFUL_SETS, this.statefulSets);
    this.#made.set(SECRETS, this.secrets);
    this.namespaces = namespace === undefined ? watch(NAMESPACES) : undefined;
  }

  /** Of one of our kinds. */
  own(kind: string): Cache<OwnObject> {
    return this.#own.get(kind)!;
  }

  /** Of what is made for fleets. */
  made(type: ResourceType): Cache<KubeObject> {
    return this.#made.get(type)!;
  }

  /** What the API server has answered to a write: known before the watch tells, so that nothing is written twice. */
  wrote(type: ResourceType, object: KubeObject): void {
    this.#reflectors.find((reflector) => reflector.type === type)?.take(object);
  }

  get madeTypes(): readonly ResourceType[] {
    return [...this.#made.keys()];
  }

  /** Resources of which there has been no list yet. */
  get unsynced(): readonly string[] {
    return this.#reflectors.filter(({ synced }) => !synced).map(({ type }) => type.plural);
  }

  /** For how long nothing was heard of each resource. */
  ages(): readonly { readonly resource: string; readonly silentMs: number }[] {
    return this.#reflectors.map(({ type, silentFor }) => ({ resource: type.plural, silentMs: silentFor }));
  }

  /** Resources of which nothing was heard for so long. */
  silent(ms: number): readonly string[] {
    return this.ages().flatMap(({ resource, silentMs }) => (silentMs > ms ? [resource] : []));
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }
}

/** Secrets that are never a mail password or a certificate, and may be large. */
const FOREIGN = new Set(['helm.sh/release.v1', 'kubernetes.io/service-account-token']);

function withoutForeign(secret: SecretObject): SecretObject {
  if (!FOREIGN.has(String((secret as { type?: string }).type))) return secret;
  const { data: _, ...rest } = secret;
  return rest;
}
