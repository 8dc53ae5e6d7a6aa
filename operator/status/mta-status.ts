/** The status of an MTA, from what its controller knows, and from its pods and volumes. Pure. */
import { mta as mtaKind } from '../../crds/mta.ts';
import type { DnsRecord } from '../../crds/status.ts';
import { parseDuration } from '../../crds/units.ts';
import { idOf } from '../compile/report.ts';
import type { ObjectRef } from '../compile/types.ts';
import { isPaused } from '../controllers/fleet-life.ts';
import type { FleetState } from '../controllers/fleet-state.ts';
import type { ClaimObject, OwnObject, PodObject, StatefulSetObject } from '../controllers/watched.ts';
import { names, selectorOf } from '../objects/fleet.ts';
import { type Condition, conditionsFrom, programmedIn, type Verdicts } from './conditions.ts';
import { daneVerdict, listedIn, recordsFrom } from './dane.ts';
import { type FleetFacts, mtaConditionsOf, PAUSED, timeOf, untilOld } from './mta-rules.ts';
import { isServing } from './pod-trouble.ts';
import { conditionsOf } from './rules.ts';

export interface Surroundings {
  readonly statefulSet: StatefulSetObject | undefined;
  readonly claimOf: (name: string) => ClaimObject | undefined;
  /** Whether a resource names this fleet: of the others, something may have been found too. */
  readonly isAttached: (resource: ObjectRef) => boolean;
  readonly heardOf: FleetFacts['heardOf'];
  /** Ms since the epoch. */
  readonly now: number;
}

export interface MtaStatus {
  readonly status: Record<string, unknown>;
  /** Ms after which it may be another, though nothing has changed. */
  readonly again: number | undefined;
}

interface Before {
  readonly conditions?: readonly Condition[];
  readonly programmedGeneration?: number;
  readonly queue?: unknown;
}

/** What the cluster says of an object in trouble is asked for again after this. */
const LISTEN_MS = 10_000;

export function mtaStatus(object: OwnObject, state: FleetState, surroundings: Surroundings): MtaStatus {
  const { namespace = '', name, generation = 0 } = object.metadata;
  const { statefulSet, now } = surroundings;
  const before = (object.status ?? {}) as Before;
  let isListening = false;
  const facts = factsOf(object, state, {
    ...surroundings,
    heardOf(...of) {
      isListening = true;
      return surroundings.heardOf(...of);
    },
  });
  const verdicts = mtaConditionsOf(facts);
  const programmed = programmedIn(verdicts, generation, before.programmedGeneration);
  const again = isListening ? LISTEN_MS : untilOld(facts);
  return {
    status: {
      observedGeneration: generation,
      ...(programmed !== undefined && { programmedGeneration: programmed }),
      conditions: conditionsFrom(verdicts, generation, before.conditions ?? [], timeOf(now)),
      replicas: statefulSet?.status?.replicas ?? 0,
      // As the conditions have it: the StatefulSet says the same, a moment later.
      readyReplicas: state.pods.filter(isServing).length,
      selector: Object.entries(selectorOf({ name }))
        .map(([label, value]) => `${label}=${value}`)
        .join(','),
      ...(state.loaded !== undefined && { revision: state.loaded }),
      ...queueIn(state, before),
      ...recordsIn(state, object, verdicts, now),
      attached: attachedIn(idOf({ kind: 'MTA', namespace, name }), state, surroundings),
    },
    again,
  };
}

/** Of an MTA that the schema of this operator refuses, as the CRD of another version may have let it in. */
export function invalidMtaStatus(object: OwnObject, now: number): Record<string, unknown> | undefined {
  const parsed = mtaKind.spec.safeParse(object.spec);
  if (parsed.success) return undefined;
  const { namespace = '', name, generation = 0 } = object.metadata;
  const findings = parsed.error.issues.map(({ path, message }) => ({
    ...({ resource: { kind: 'MTA', namespace, name }, condition: 'Accepted', status: 'False' } as const),
    ...{ reason: 'Invalid', message: `spec.${path.join('.')}: ${message}` },
  }));
  const verdicts = conditionsOf({ findings, fragment: undefined, loaded: undefined, refusal: undefined });
  const { conditions = [] } = (object.status ?? {}) as { conditions?: Condition[] };
  return {
    ...object.status,
    observedGeneration: generation,
    conditions: conditionsFrom(verdicts, generation, conditions, timeOf(now)),
  };
}

/** A paused MTA is not looked at any more, but for saying so: the status as it is, with that condition or without. */
export function pausedStatus(object: OwnObject, now: number): Record<string, unknown> | undefined {
  const { generation = 0 } = object.metadata;
  const { conditions = [] } = (object.status ?? {}) as { conditions?: Condition[] };
  const others = conditions.filter(({ type }) => type !== 'Paused');
  if (isPaused(object) === others.length < conditions.length) return undefined;
  const paused = conditionsFrom(new Map([['Paused', PAUSED]]), generation, [], timeOf(now));
  return { ...object.status, conditions: isPaused(object) ? [...others, ...paused] : others };
}

function factsOf(object: OwnObject, state: FleetState, surroundings: Surroundings): FleetFacts {
  const { namespace = '', name } = object.metadata;
  const { statefulSet, claimOf, heardOf, now } = surroundings;
  const parsed = mtaKind.spec.safeParse(object.spec);
  const spec = parsed.success ? parsed.data : undefined;
  const asked = spec?.replicas ?? 0;
  const pods = state.pods
    .filter((pod) => ordinalOf(pod) < asked)
    .toSorted((one, other) => ordinalOf(one) - ordinalOf(other));
  const claims =
    spec?.storage.mode === 'PerReplica'
      ? Array.from({ length: asked }, (_, ordinal) => names.queueOf({ name }, ordinal))
      : [names.queue({ name })];
  const patience = spec === undefined ? 0 : parseDuration(spec.delivery.delayWarning) * 1000;
  const id = idOf({ kind: 'MTA', namespace, name });
  const before = (wanted: string) =>
    (object.status as Before | undefined)?.conditions?.find(({ type }) => type === wanted);
  return {
    ...{ findings: state.findings.get(id) ?? [], fragment: state.fragments.get(id) },
    ...{ loaded: state.loaded, refusal: state.refusal },
    ...{ fleet: { namespace, name }, asked, pods, refused: state.refused, queue: state.queue, heardOf, now },
    claims: claims.flatMap((claim) => claimOf(claim) ?? []),
    updated: updatedOf(statefulSet),
    patienceMs: patience === 0 ? undefined : patience,
    ...{ isPaused: isPaused(object), life: state.life },
    queueBefore: before('QueueHealthy'),
    // What was found out last stays, where there is no config now.
    dane: state.tlsa === undefined ? before('DANEReady') : daneVerdict(state.tlsa),
  };
}

const ordinalOf = ({ metadata: { name } }: PodObject): number =>
  Number(name.slice(name.lastIndexOf('-') + 1));

function updatedOf(set: StatefulSetObject | undefined): number | undefined {
  const { currentRevision, updateRevision, updatedReplicas = 0 } = set?.status ?? {};
  return currentRevision === updateRevision ? undefined : updatedReplicas;
}

/** What was known last stays, where there is nobody to ask. */
function queueIn({ queue }: FleetState, before: Before): Record<string, unknown> {
  if (queue === undefined) return before.queue === undefined ? {} : { queue: before.queue };
  const { messages, deferred, held, oldest } = queue;
  return {
    queue: { messages, deferred, held, ...(oldest !== undefined && { oldest: timeOf(oldest) }) },
  };
}

function recordsIn(
  { tlsa }: FleetState,
  { status }: OwnObject,
  verdicts: Verdicts,
  now: number,
): { readonly records?: readonly DnsRecord[] } {
  const before = listedIn(status);
  const isLoaded = verdicts.get('Programmed')?.status === 'True';
  const records = tlsa === undefined ? before : recordsFrom(tlsa, before, isLoaded, now);
  return records.length > 0 ? { records } : {};
}

function attachedIn(self: string, { fragments, findings }: FleetState, { isAttached }: Surroundings) {
  const counts = { MailDomain: 0, MailRelay: 0, MailTLSPolicy: 0, MailUser: 0 };
  for (const resource of fragments.keys()) {
    const kind = resource.slice(0, resource.indexOf('/'));
    if (Object.hasOwn(counts, kind)) counts[kind as keyof typeof counts] += 1;
  }
  let [refused, unresolved] = [0, 0];
  for (const [id, found] of findings) {
    const against = found.find(({ status }) => status === 'False');
    if (against === undefined || id === self || !isAttached(against.resource)) continue;
    if (found.some(({ condition, status }) => condition === 'Accepted' && status === 'False')) refused += 1;
    else unresolved += 1;
  }
  return {
    ...{ domains: counts.MailDomain, relays: counts.MailRelay },
    ...{ policies: counts.MailTLSPolicy, users: counts.MailUser },
    ...{ refused, unresolved },
  };
}
