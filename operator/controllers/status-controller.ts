/** Writes the status of our kinds: what each fleet says of a resource, and the sum of it. Nothing is written where nothing is new. */
import { isDeepStrictEqual } from 'node:util';
import { type ConditionType, reasons } from '../../crds/conditions.ts';
import type { Clock } from '../../mta/clock.ts';
import { idOf } from '../compile/report.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf, nameOf } from '../kube/resource.ts';
import { OWN_KINDS } from '../kube/resources.ts';
import { names, selectorOf } from '../objects/fleet.ts';
import { type Condition, conditionsFrom, sumOf, type Verdicts } from '../status/conditions.ts';
import { lifeVerdicts } from '../status/life.ts';
import { conditionsOf } from '../status/rules.ts';
import type { FleetState } from './fleet-controller.ts';
import { fleetsOf, type OwnObject, type Watched } from './watched.ts';

export interface StatusControllerDeps {
  readonly client: KubeClient;
  readonly watched: Watched;
  readonly clock: Clock;
  readonly stateOf: (fleet: string) => FleetState | undefined;
}

interface Ref {
  readonly namespace: string;
  readonly name: string;
}

export class StatusController {
  readonly #deps: StatusControllerDeps;

  constructor(deps: StatusControllerDeps) {
    this.#deps = deps;
  }

  /** @param key `MailDomain/mail/example` */
  async reconcile(key: string): Promise<undefined> {
    const kind = key.slice(0, key.indexOf('/'));
    const object = this.#deps.watched.own(kind).get(key.slice(kind.length + 1));
    if (object === undefined || (kind !== 'MTA' && object.metadata.deletionTimestamp !== undefined)) return;
    const status = kind === 'MTA' ? this.#ofMta(object) : this.#ofAttached(kind, object);
    if (status === undefined || isDeepStrictEqual(status, object.status)) return;
    const { namespace, name } = object.metadata;
    await this.#deps.client.apply(
      OWN_KINDS.get(kind)!,
      { metadata: { name, namespace: namespace! }, status } as OwnObject,
      { subresource: 'status' },
    );
  }

  #ofAttached(kind: string, object: OwnObject): Record<string, unknown> | undefined {
    const { namespace = '', name, generation = 0 } = object.metadata;
    const id = idOf({ kind, namespace, name });
    const named = fleetsOf(object);
    const fleets = new Map<string, Verdicts>();
    for (const fleet of named) {
      const state = this.#deps.stateOf(fleet);
      if (state === undefined && this.#deps.watched.own('MTA').get(fleet) === undefined) continue;
      // What there is of the status stays until the fleet has been looked at, with the resource as it is now.
      if (state === undefined || state.isAsking || state.generations.get(id) !== generation) return undefined;
      fleets.set(fleet, verdictsOf(id, state));
    }
    const before = (object.status ?? {}) as {
      conditions?: Condition[];
      fleets?: (Ref & { conditions?: Condition[] })[];
    };
    const sum = fleets.size > 0 ? sumOf(fleets) : withoutFleet(named);
    return {
      observedGeneration: generation,
      conditions: this.#conditions(sum, generation, before.conditions),
      ...(fleets.size > 0 && {
        fleets: [...fleets].map(([fleet, verdicts]) => {
          const ref = nameOf(fleet) as Ref;
          const old = before.fleets?.find(
            (each) => each.namespace === ref.namespace && each.name === ref.name,
          );
          return { ...ref, conditions: this.#conditions(verdicts, generation, old?.conditions) };
        }),
      }),
    };
  }

  #ofMta(object: OwnObject): Record<string, unknown> | undefined {
    const { namespace = '', name, generation = 0 } = object.metadata;
    const fleet = keyOf({ namespace, name });
    const state = this.#deps.stateOf(fleet);
    const id = idOf({ kind: 'MTA', namespace, name });
    if (state === undefined || state.isAsking || state.generations.get(id) !== generation) return undefined;
    const set = this.#deps.watched.statefulSets.get(keyOf({ namespace, name: names.statefulSet({ name }) }));
    const before = (object.status ?? {}) as { conditions?: Condition[] };
    const attached = (kind: string) =>
      [...state.fragments.keys()].filter((resource) => resource.startsWith(`${kind}/`)).length;
    return {
      observedGeneration: generation,
      conditions: this.#conditions(
        verdictsOfMta(id, state, { namespace, name }),
        generation,
        before.conditions,
      ),
      replicas: set?.status?.replicas ?? 0,
      readyReplicas: set?.status?.readyReplicas ?? 0,
      selector: Object.entries(selectorOf({ name }))
        .map(([label, value]) => `${label}=${value}`)
        .join(','),
      ...(state.loaded !== undefined && { revision: state.loaded }),
      attached: {
        ...{ domains: attached('MailDomain'), relays: attached('MailRelay') },
        ...{ policies: attached('MailTLSPolicy'), users: attached('MailUser') },
      },
    };
  }

  #conditions(verdicts: Verdicts, generation: number, before: readonly Condition[] = []): Condition[] {
    const now = new Date(this.#deps.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return conditionsFrom(verdicts, generation, before, now);
  }
}

function verdictsOf(id: string, { findings, fragments, loaded, refusal }: FleetState): Verdicts {
  return conditionsOf({
    findings: findings.get(id) ?? [],
    ...{ fragment: fragments.get(id), loaded, refusal },
  });
}

function verdictsOfMta(id: string, state: FleetState, mta: Ref): Verdicts {
  const verdicts = verdictsOf(id, state);
  return state.life === undefined ? verdicts : new Map([...verdicts, ...lifeVerdicts(state.life, mta)]);
}

function withoutFleet(fleets: readonly string[]): Verdicts {
  const message = `There is no MTA ${fleets.join(', ')}: make it, or name one that exists in spec.mtaRefs`;
  const no = { status: 'False' as const, reason: reasons.MTANotFound, message };
  const types = ['Accepted', 'Programmed', 'Ready'] as const;
  const verdicts = new Map<
    ConditionType,
    typeof no | { status: 'True'; reason: typeof no.reason; message: string }
  >(types.map((type) => [type, no]));
  verdicts.set('Stalled', { ...no, status: 'True' });
  return verdicts;
}
