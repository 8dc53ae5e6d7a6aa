import { describe, expect, it } from 'vitest';
import { reasons } from '../../crds/conditions.ts';
import type { Diagnostic } from '../compile/types.ts';
import type { ClaimObject, PodObject } from '../controllers/watched.ts';
import type { FleetQueue } from './fleet-queue.ts';
import { type FleetFacts, mtaConditionsOf, untilOld } from './mta-rules.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const HOUR = 3_600_000;
const finding = (
  condition: Diagnostic['condition'],
  status: Diagnostic['status'],
  reason: string,
): Diagnostic => ({
  resource: { kind: 'MTA', namespace: 'mail', name: 'mta' },
  ...{ condition, status, reason, message: `it is ${reason}` },
});
const pod = (name: string, status: PodObject['status'] = {}): PodObject => ({
  metadata: { namespace: 'mail', name },
  status,
});
const ready = (name: string): PodObject => pod(name, { conditions: [{ type: 'Ready', status: 'True' }] });
const queue: FleetQueue = {
  ...{ messages: 0, deferred: 0, held: 0, oldest: undefined, damaged: 0, full: [], silent: [] },
};
const good: FleetFacts = {
  findings: [finding('Accepted', 'True', 'Accepted'), finding('ResolvedRefs', 'True', 'ResolvedRefs')],
  ...{ fragment: { generation: 1, digest: '', revision: 7 }, loaded: 7, refusal: undefined },
  ...{ fleet: { namespace: 'mail', name: 'mta' }, asked: 2, pods: [ready('mta-0'), ready('mta-1')] },
  ...{ claims: [], refused: [], updated: undefined, queue, patienceMs: 4 * HOUR, isPaused: false },
  ...{ queueBefore: undefined, life: undefined, dane: undefined },
  ...{ now: NOW, heardOf: () => undefined },
};
const of = (change: Partial<FleetFacts>) => mtaConditionsOf({ ...good, ...change });
/** `Ready=True/Ready QueueHealthy=True/QueueHealthy`: all but the first three. */
const shown = (change: Partial<FleetFacts>): string =>
  [...of(change)]
    .slice(3)
    .map(([type, { status, reason }]) => `${type}=${status}/${reason}`)
    .join(' ');

const image = { waiting: { reason: 'ErrImagePull', message: 'not found' } };
const unpulled = pod('mta-1', { containerStatuses: [{ name: 'mta', image: 'mta:none', state: image }] });
const pending: ClaimObject = {
  metadata: { namespace: 'mail', name: 'mta-queue' },
  status: { phase: 'Pending' },
};
const unplaced = pod('mta-1', {
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no volume' }],
});

describe('the conditions of an MTA', () => {
  it.each<[string, Partial<FleetFacts>, string]>([
    ['where all is well', {}, 'Ready=True/Ready QueueHealthy=True/QueueHealthy'],
    [
      'that is not accepted, whatever its pods do',
      { findings: [finding('Accepted', 'False', reasons.PortConflict)], pods: [unpulled] },
      'Ready=False/PortConflict QueueHealthy=True/QueueHealthy Stalled=True/PortConflict',
    ],
    [
      'whose certificate is missing',
      { findings: [good.findings[0]!, finding('ResolvedRefs', 'False', reasons.SecretNotFound)] },
      'Ready=False/SecretNotFound QueueHealthy=True/QueueHealthy Stalled=True/SecretNotFound',
    ],
    [
      'where a pod refuses the config',
      { refusal: { pod: 'mta-1', revision: 8, reason: 'no such port' } },
      'Ready=False/ConfigRefused QueueHealthy=True/QueueHealthy Stalled=True/ConfigRefused',
    ],
    [
      'where an object was refused',
      { refused: [{ reason: reasons.ObjectRefused, message: 'quota' }] },
      'Ready=False/ObjectRefused QueueHealthy=True/QueueHealthy Stalled=True/ObjectRefused',
    ],
    [
      'whose certificate can not be asked for, as a kind is missing',
      {
        findings: [good.findings[0]!, finding('ResolvedRefs', 'False', reasons.CertificateNotIssued)],
        refused: [{ reason: reasons.KindNotInstalled, message: 'cert-manager' }],
      },
      'Ready=False/KindNotInstalled QueueHealthy=True/QueueHealthy Stalled=True/KindNotInstalled',
    ],
    [
      'that is not accepted, whatever was refused',
      {
        findings: [finding('Accepted', 'False', reasons.PodTemplateRefused)],
        refused: [{ reason: reasons.ObjectRefused, message: 'quota' }],
      },
      'Ready=False/PodTemplateRefused QueueHealthy=True/QueueHealthy Stalled=True/PodTemplateRefused',
    ],
    [
      'where no pod is asked for',
      { asked: 0, pods: [], loaded: undefined, queue: undefined },
      'Ready=False/NoPods QueueHealthy=Unknown/NoPods Stalled=True/NoPods',
    ],
    [
      'where an image can not be pulled',
      { pods: [ready('mta-0'), unpulled] },
      'Ready=False/ImageNotPulled QueueHealthy=True/QueueHealthy Stalled=True/ImageNotPulled',
    ],
    [
      'where there is no volume, which is why a pod can not be scheduled',
      { pods: [ready('mta-0'), unplaced], claims: [pending] },
      'Ready=False/VolumePending QueueHealthy=True/QueueHealthy Reconciling=True/VolumePending',
    ],
    [
      'where a pod can not be scheduled',
      { pods: [ready('mta-0'), unplaced], claims: [{ ...pending, status: { phase: 'Bound' } }] },
      'Ready=False/Unschedulable QueueHealthy=True/QueueHealthy Reconciling=True/Unschedulable',
    ],
    [
      'where a claim waits that nobody lacks',
      { claims: [pending] },
      'Ready=True/Ready QueueHealthy=True/QueueHealthy',
    ],
    [
      'where pods are missing',
      { pods: [ready('mta-0')] },
      'Ready=False/PodsMissing QueueHealthy=True/QueueHealthy Reconciling=True/PodsMissing',
    ],
    [
      'where a pod starts',
      { pods: [ready('mta-0'), pod('mta-1')] },
      'Ready=False/PodsNotServing QueueHealthy=True/QueueHealthy Reconciling=True/PodsNotServing',
    ],
    [
      'where all pods start',
      { pods: [pod('mta-0'), pod('mta-1')], loaded: undefined, queue: undefined },
      'Ready=False/NoPods QueueHealthy=Unknown/Pending Reconciling=True/NoPods',
    ],
    [
      'where pods have not loaded it',
      { loaded: 6 },
      'Ready=False/Pending QueueHealthy=True/QueueHealthy Reconciling=True/Pending',
    ],
    [
      'whose pods are being replaced',
      { updated: 1 },
      'Ready=True/Ready QueueHealthy=True/QueueHealthy Reconciling=True/RollingOut',
    ],
    [
      'whose volume is full',
      { queue: { ...queue, full: ['mta-0'] } },
      'Ready=False/QueueFull QueueHealthy=False/QueueFull Stalled=True/QueueFull',
    ],
    [
      'with damage',
      { queue: { ...queue, damaged: 2, oldest: NOW - 5 * HOUR } },
      'Ready=True/Ready QueueHealthy=False/QueueDamaged',
    ],
    [
      'with old mail',
      { queue: { ...queue, oldest: NOW - 4 * HOUR } },
      'Ready=True/Ready QueueHealthy=False/OldMail',
    ],
    [
      'with mail that is not old yet',
      { queue: { ...queue, oldest: NOW - 4 * HOUR + 1 } },
      'Ready=True/Ready QueueHealthy=True/QueueHealthy',
    ],
    [
      'whose mail may wait for ever',
      { patienceMs: undefined, queue: { ...queue, oldest: 0 } },
      'Ready=True/Ready QueueHealthy=True/QueueHealthy',
    ],
    [
      'with a pod that does not answer',
      { queue: { ...queue, silent: ['mta-1'] } },
      'Ready=True/Ready QueueHealthy=Unknown/PodUnreachable',
    ],
    [
      'that an operator has just begun to look after',
      { queue: undefined, queueBefore: { status: 'False', reason: reasons.OldMail, message: 'old' } },
      'Ready=True/Ready QueueHealthy=False/OldMail',
    ],
    [
      'whose pods leave',
      { life: { ending: undefined, leaving: [{ pod: 'mta-2', report: undefined }], orphans: [] } },
      'Ready=True/Ready Scaled=False/Draining QueueHealthy=True/QueueHealthy Reconciling=True/Draining',
    ],
    [
      'that ends, whatever its pods do',
      { life: { ending: 'KeepVolumes', leaving: [], orphans: [] }, pods: [unpulled], loaded: 6 },
      'Ready=False/Terminating Scaled=True/Scaled QueueHealthy=True/QueueHealthy',
    ],
    [
      'that is paused',
      { isPaused: true },
      'Ready=True/Ready QueueHealthy=True/QueueHealthy Paused=True/Paused',
    ],
  ])('%s', (_what, change, wanted) => {
    expect(shown(change)).toBe(wanted);
  });

  it('name who is at fault, and what to do', () => {
    const ready_ = (change: Partial<FleetFacts>) => of(change).get('Ready')!.message;
    expect(ready_({ pods: [ready('mta-0'), unpulled] })).toMatch(/mta-1 can't pull image mta:none .*correct/);
    expect(ready_({ pods: [ready('mta-0'), pod('mta-1')] })).toContain('1 of 2 pods serve; mta-1 not');
    const many = { pods: [pod('mta-0'), pod('mta-1')] };
    expect(ready_(many)).toContain('0 of 2 pods serve; mta-0 and 1 more not');
    expect(ready_({ refused: [1, 2, 3].map((i) => ({ reason: 'ObjectRefused', message: `no ${i}` })) })).toBe(
      'no 1 (and 2 more)',
    );
    expect(of({ queue: { ...queue, oldest: NOW - 5 * HOUR } }).get('QueueHealthy')!.message).toContain(
      'since 2026-11-29T07:00:00Z',
    );
  });

  it('repeat what the cluster says of an object in trouble, and ask of no other', () => {
    const asked: string[] = [];
    const heardOf = (kind: string, name: string) => {
      asked.push(`${kind} ${name}`);
      return 'exceeded quota';
    };
    expect(of({ heardOf }).get('Ready')!.status).toBe('True');
    expect(asked).toEqual([]);
    expect(of({ heardOf, pods: [ready('mta-0')] }).get('Ready')!.message).toContain(
      '1 of 2 pods exist: exceeded quota: kubectl describe statefulset -n mail mta',
    );
    of({ heardOf, pods: [unplaced], claims: [pending] });
    expect(asked).toEqual(['StatefulSet mta', 'PersistentVolumeClaim mta-queue']);
  });
});

it('mail grows old though nothing happens', () => {
  const oldest = (ms: number) => untilOld({ ...good, queue: { ...queue, oldest: NOW - ms } });
  expect(oldest(HOUR)).toBe(3 * HOUR);
  expect(oldest(5 * HOUR)).toBeUndefined();
  expect(untilOld(good)).toBeUndefined();
});
