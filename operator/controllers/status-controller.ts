/** Writes the status of our kinds: what each fleet says of a resource, and the sum of it. Nothing is written where nothing is new. */
import { type ConditionType, reasons } from '../../crds/conditions.ts';
import type { DnsRecord } from '../../crds/status.ts';
import type { Clock } from '../../mta/clock.ts';
import { idOf } from '../compile/report.ts';
import type { ObjectRef } from '../compile/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf, nameOf } from '../kube/resource.ts';
import { OWN_KINDS, VOLUME_CLAIMS } from '../kube/resources.ts';
import { names } from '../objects/fleet.ts';
import {
  type Condition,
  conditionsFrom,
  isSameStatus,
  programmedIn,
  sumOf,
  type Verdicts,
} from '../status/conditions.ts';
import { timeOf } from '../status/mta-rules.ts';
import { invalidMtaStatus, mtaStatus, pausedStatus } from '../status/mta-status.ts';
import { conditionsOf } from '../status/rules.ts';
import type { TlsReportStatus } from '../status/tls-reports.ts';
import type { FleetState } from './fleet-state.ts';
import { specVersion } from './observe.ts';
import { fleetsOf, type OwnObject, type Watched } from './watched.ts';

export interface StatusControllerDeps {
  readonly client: KubeClient;
  readonly watched: Watched;
  readonly clock: Clock;
  readonly stateOf: (fleet: string) => FleetState | undefined;
  /** What the cluster says of an object of a fleet that is in trouble. */
  readonly heardOf: (fleet: string, of: ObjectRef) => string | undefined;
  /** A status was written. @param before the object as it was */
  readonly onWritten?: (kind: string, before: OwnObject, status: Record<string, unknown>) => void;
}

/** No status where what there is stays. */
interface Found {
  readonly status: Record<string, unknown> | undefined;
  readonly again: number | undefined;
}

const NOTHING: Found = { status: undefined, again: undefined };

interface Ref {
  readonly namespace: string;
  readonly name: string;
}

export class StatusController {
  readonly #deps: StatusControllerDeps;

  constructor(deps: StatusControllerDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves with the ms after which a status may be another, though nothing has changed.
   *
   * @param key `MailDomain/mail/example`
   */
  async reconcile(key: string): Promise<number | undefined> {
    const kind = key.slice(0, key.indexOf('/'));
    const object = this.#deps.watched.own(kind).get(key.slice(kind.length + 1));
    if (object === undefined) return undefined;
    // An MTA that ends has things to say.
    if (kind !== 'MTA' && object.metadata.deletionTimestamp !== undefined) return undefined;
    const { status, again } = kind === 'MTA' ? this.#ofMta(object) : this.#ofAttached(kind, object);
    if (status === undefined || isSameStatus(status, object.status)) return again;
    const { namespace = '', name, resourceVersion = '' } = object.metadata;
    const type = OWN_KINDS.get(kind)!;
    // Of the object as it was looked at: one of its name that was made meanwhile is a conflict. (A uid would be ignored in a status.)
    const written = await this.#deps.client.apply(
      type,
      { metadata: { namespace, name, resourceVersion }, status } as OwnObject,
      { subresource: 'status' },
    );
    // The watch may be late: it would be written again, with another time.
    this.#deps.watched.wrote(type, written);
    this.#deps.onWritten?.(kind, object, status);
    return again;
  }

  #ofAttached(kind: string, object: OwnObject): Found {
    const { namespace = '', name, generation = 0 } = object.metadata;
    const spec = specVersion(object.metadata);
    const id = idOf({ kind, namespace, name });
    const named = fleetsOf(object);
    const fleets = new Map<string, Verdicts>();
    for (const fleet of named) {
      const state = this.#deps.stateOf(fleet);
      if (state === undefined && this.#deps.watched.own('MTA').get(fleet) === undefined) continue;
      // What there is of the status stays until the fleet has been looked at, with the resource as it is now.
      if (state === undefined || state.isAsking || state.specs.get(id) !== spec) return NOTHING;
      fleets.set(fleet, verdictsOf(id, state));
    }
    const before = (object.status ?? {}) as {
      conditions?: Condition[];
      programmedGeneration?: number;
      fleets?: (Ref & {
        conditions?: Condition[];
        records?: DnsRecord[];
        tlsReports?: TlsReportStatus;
      })[];
    };
    const sum = fleets.size > 0 ? sumOf(fleets) : withoutFleet(named);
    const programmed = programmedIn(sum, generation, before.programmedGeneration);
    const status = {
      observedGeneration: generation,
      ...(programmed !== undefined && { programmedGeneration: programmed }),
      conditions: this.#conditions(sum, generation, before.conditions),
      ...(fleets.size > 0 && {
        fleets: [...fleets].map(([fleet, verdicts]) => {
          const ref = nameOf(fleet) as Ref;
          const old = before.fleets?.find(
            (each) => each.namespace === ref.namespace && each.name === ref.name,
          );
          const records = programmedIn(
            verdicts,
            this.#deps.stateOf(fleet)?.records.get(id) ?? [],
            old?.records,
          );
          // Until pods have been asked, what there is stays.
          const { tlsReports: reported } = this.#deps.stateOf(fleet) ?? {};
          const tlsReports = reported === undefined ? old?.tlsReports : reported.get(id);
          return {
            ...ref,
            conditions: this.#conditions(verdicts, generation, old?.conditions),
            ...(records !== undefined && records.length > 0 && { records }),
            ...(tlsReports !== undefined && { tlsReports }),
          };
        }),
      }),
    };
    return { status, again: undefined };
  }

  #ofMta(object: OwnObject): Found {
    const { watched, clock, stateOf, heardOf } = this.#deps;
    const { namespace = '', name } = object.metadata;
    const fleet = keyOf({ namespace, name });
    const state = stateOf(fleet);
    const now = clock.now();
    const isKnown = state?.specs.get(idOf({ kind: 'MTA', namespace, name })) === specVersion(object.metadata);
    if (state === undefined || state.isAsking || !isKnown) {
      const status = pausedStatus(object, now) ?? (state ? undefined : invalidMtaStatus(object, now));
      return { status, again: undefined };
    }
    return mtaStatus(object, state, {
      statefulSet: watched.statefulSets.get(keyOf({ namespace, name: names.statefulSet({ name }) })),
      claimOf: (claim) => watched.made(VOLUME_CLAIMS).get(keyOf({ namespace, name: claim })),
      isAttached: (resource) => fleetsOf(watched.own(resource.kind)?.get(keyOf(resource))).includes(fleet),
      heardOf: (kind, of) => heardOf(fleet, { kind, namespace, name: of }),
      now,
    });
  }

  #conditions(verdicts: Verdicts, generation: number, before: readonly Condition[] = []): Condition[] {
    return conditionsFrom(verdicts, generation, before, timeOf(this.#deps.clock.now()));
  }
}

function verdictsOf(id: string, { findings, fragments, loaded, refusal }: FleetState): Verdicts {
  return conditionsOf({
    findings: findings.get(id) ?? [],
    ...{ fragment: fragments.get(id), loaded, refusal },
  });
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
