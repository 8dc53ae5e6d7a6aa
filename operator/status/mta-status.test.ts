import { describe, expect, it } from 'vitest';
import { mta } from '../../crds/mta.ts';
import type { Diagnostic, ObjectRef } from '../compile/types.ts';
import type { FleetState } from '../controllers/fleet-state.ts';
import type { OwnObject, PodObject } from '../controllers/watched.ts';
import { invalidMtaStatus, mtaStatus, pausedStatus, type Surroundings } from './mta-status.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const spec = mta.spec.parse({
  ...{ replicas: 2, hostname: 'mail.example.test' },
  listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
});
const object = (more: Partial<OwnObject> = {}, annotations: Record<string, string> = {}): OwnObject => ({
  metadata: { namespace: 'mail', name: 'mta', generation: 3, annotations },
  spec: spec as unknown as Record<string, unknown>,
  ...more,
});
const self: ObjectRef = { kind: 'MTA', namespace: 'mail', name: 'mta' };
const found = (
  resource: ObjectRef,
  condition: Diagnostic['condition'],
  status: Diagnostic['status'],
): Diagnostic => ({ resource, condition, status, reason: condition, message: '' });
const well = (resource: ObjectRef) => [
  found(resource, 'Accepted', 'True'),
  found(resource, 'ResolvedRefs', 'True'),
];
const idOf = ({ kind, namespace, name }: ObjectRef) => `${kind}/${namespace}/${name}`;
const pod = (name: string): PodObject => ({
  metadata: { namespace: 'mail', name },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});
const fragment = { generation: 3, digest: '', revision: 1 };
const state: FleetState = {
  specs: new Map(),
  findings: new Map([[idOf(self), well(self)]]),
  records: new Map(),
  fragments: new Map([[idOf(self), fragment]]),
  ...{ loaded: 1, isAsking: false, refusal: undefined, pods: ['mta-0', 'mta-1'].map(pod), refused: [] },
  ...{ life: undefined, tlsReports: undefined, tlsa: undefined },
  queue: {
    ...{ messages: 7, deferred: 3, held: 0, oldest: NOW - 3_600_000 },
    ...{ damaged: 0, full: [], silent: [] },
  },
};
const surroundings: Surroundings = {
  ...{ statefulSet: undefined, claimOf: () => undefined, isAttached: () => true },
  ...{ heardOf: () => undefined, now: NOW },
};
type Status = Record<string, unknown> & { conditions: { type: string; status: string; reason: string }[] };
const statusOf = (change: Partial<FleetState> = {}, around: Partial<Surroundings> = {}, of = object()) =>
  mtaStatus(of, { ...state, ...change }, { ...surroundings, ...around });
const conditions = (status: Record<string, unknown> | undefined) =>
  (status as Status).conditions.map(({ type, status: is }) => `${type}=${is}`).join(' ');

describe('the status of an MTA', () => {
  it('is what the CRD has a place for', () => {
    const { status } = statusOf();
    expect(mta.status.safeParse(status).error).toBeUndefined();
    expect(status).toMatchObject({
      ...{ observedGeneration: 3, programmedGeneration: 3, revision: 1, readyReplicas: 2 },
      queue: { messages: 7, deferred: 3, held: 0, oldest: '2026-11-29T11:00:00Z' },
    });
    expect(conditions(status)).toBe(
      'Accepted=True ResolvedRefs=True Programmed=True Ready=True QueueHealthy=True',
    );
  });

  it('has the TLSA records that are to be published, and what was said of them while there is no config', () => {
    const value = { name: '_25._tcp.mail.example.test', type: 'TLSA', value: '3 1 1 aa' } as const;
    const tlsa = { isWanted: true, records: [value], waiting: [], early: [], next: undefined };
    const { status } = statusOf({ tlsa });
    expect(mta.status.safeParse(status).error).toBeUndefined();
    expect(status).toMatchObject({ records: [{ ...value, since: '2026-11-29T12:00:00Z' }] });
    expect(conditions(status)).toContain('QueueHealthy=True DANEReady=True');

    const later = { now: NOW + 3_600_000 };
    const { status: kept } = statusOf({ tlsa: undefined }, later, object({ status }));
    expect(kept['records']).toEqual(status['records']);
    expect(conditions(kept)).toContain('DANEReady=True');

    const none = { ...tlsa, isWanted: false, records: [] };
    const { status: loading } = statusOf({ tlsa: none, loaded: 0 }, later, object({ status }));
    expect(loading['records']).toEqual(status['records']);
    const { status: without } = statusOf({ tlsa: none }, later, object({ status }));
    expect(without).not.toHaveProperty('records');
    expect(conditions(without)).not.toContain('DANEReady');
  });

  it('is looked at again when mail grows old, or while the cluster is asked', () => {
    expect(statusOf().again).toBe(3 * 3_600_000);
    expect(statusOf({ pods: [pod('mta-0')] }).again).toBe(10_000);
    expect(statusOf({ queue: undefined }).again).toBeUndefined();
  });

  it('has nothing to do with pods that are too many', () => {
    const failed = { ...pod('mta-10'), status: { phase: 'Failed' } };
    expect(conditions(statusOf({ pods: [...state.pods, failed] }).status)).toContain('Ready=True');
    const starting = { ...pod('mta-1'), status: {} };
    const { status } = statusOf({ pods: [pod('mta-0'), starting, pod('mta-2')] });
    expect(conditions(status)).toContain('Ready=False');
  });

  it('says how far pods are being replaced', () => {
    const status = { currentRevision: 'a', updateRevision: 'b', updatedReplicas: 1 };
    const statefulSet = { metadata: { name: 'mta' }, status };
    const { conditions: all } = statusOf({}, { statefulSet }).status as Status;
    expect(all.at(-1)).toMatchObject({ type: 'Reconciling', reason: 'RollingOut' });
    const done = { ...statefulSet, status: { ...status, currentRevision: 'b' } };
    expect(conditions(statusOf({}, { statefulSet: done }).status)).not.toContain('Reconciling');
  });

  it('counts who is attached, who is refused and who lacks something, and nobody of another fleet', () => {
    const domain = (name: string) => ({ kind: 'MailDomain', namespace: 'shop', name });
    const findings = new Map(state.findings);
    const fragments = new Map(state.fragments);
    const add = (resource: ObjectRef, diagnostics: readonly Diagnostic[]) =>
      findings.set(idOf(resource), diagnostics);
    for (const name of ['a', 'b']) fragments.set(idOf(domain(name)), fragment);
    add(domain('a'), well(domain('a')));
    add(domain('b'), [found(domain('b'), 'Accepted', 'True'), found(domain('b'), 'ResolvedRefs', 'False')]);
    for (const name of ['c', 'd']) add(domain(name), [found(domain(name), 'Accepted', 'False')]);
    const isAttached = ({ name }: ObjectRef) => name !== 'd';
    expect(statusOf({ findings, fragments }, { isAttached }).status['attached']).toEqual({
      ...{ domains: 2, relays: 0, policies: 0, users: 0, refused: 1, unresolved: 1 },
    });
  });

  it('keeps what was known of the queue while there is nobody to ask', () => {
    const before = statusOf().status;
    const { status } = statusOf({ queue: undefined }, {}, object({ status: before }));
    expect(status['queue']).toEqual(before['queue']);
    expect(conditions(status)).toContain('QueueHealthy=True');
    const gone = statusOf({ queue: undefined, pods: [] }, {}, object({ status: before }));
    expect(gone.status['queue']).toEqual(before['queue']);
    expect(conditions(gone.status)).toContain('QueueHealthy=Unknown');
  });
});

describe('a paused MTA', () => {
  const status = statusOf().status;
  const paused = (value: string, before: Record<string, unknown>) =>
    pausedStatus(object({ status: before }, { 'postrider.dev/paused': value }), NOW);

  it('says so, and is otherwise as it was', () => {
    const after = paused('', status);
    expect(conditions(after)).toBe(`${conditions(status)} Paused=True`);
    expect({ ...after, conditions: [] }).toEqual({ ...status, conditions: [] });
    expect(paused('true', after!)).toBeUndefined();
  });

  it('is one no more when the annotation goes, or says no', () => {
    const after = paused('true', status)!;
    expect(paused('false', after)).toEqual(status);
    expect(pausedStatus(object({ status: after }), NOW)).toEqual(status);
    expect(pausedStatus(object({ status }), NOW)).toBeUndefined();
  });
});

it('an MTA that this version does not understand is told so', () => {
  const wrong = { ...spec, hostname: undefined } as unknown as Record<string, unknown>;
  const status = invalidMtaStatus(object({ spec: wrong }), NOW);
  expect(conditions(status)).toContain('Accepted=False');
  expect(JSON.stringify(status)).toContain('spec.hostname');
  expect(invalidMtaStatus(object(), NOW)).toBeUndefined();
});
