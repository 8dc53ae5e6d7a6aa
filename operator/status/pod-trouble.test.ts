import { describe, expect, it } from 'vitest';
import type { ClaimObject, ContainerStatus, PodObject } from '../controllers/watched.ts';
import { afterVolumes, beforeVolumes, isServing, troubleOf, troubleOfClaim } from './pod-trouble.ts';

const pod = (status: PodObject['status'], name = 'mta-0'): PodObject => ({
  metadata: { namespace: 'mail', name },
  ...(status !== undefined && { status }),
});
const container = (more: Partial<ContainerStatus>): PodObject =>
  pod({ containerStatuses: [{ name: 'mta', image: 'registry.example/mta:1', ready: false, ...more }] });
const rules = [...beforeVolumes, ...afterVolumes];
const said = (...pods: readonly PodObject[]): string => {
  const trouble = troubleOf(pods, rules);
  return trouble === undefined ? '' : `${trouble.reason}: ${trouble.message}`;
};

describe('why a pod does not serve', () => {
  it('is nobody’s business while it starts', () => {
    expect(said(pod(undefined), container({}), container({ restartCount: 0, state: {} }))).toBe('');
    expect(said(container({ state: { waiting: { reason: 'ContainerCreating' } } }))).toBe('');
  });

  it('may be its image, told in the same words from one try to the next', () => {
    const why = 'failed to resolve reference "registry.example/mta:1": not found';
    const messages = [
      { reason: 'ErrImagePull', message: why },
      {
        reason: 'ImagePullBackOff',
        message: `Back-off pulling image "registry.example/mta:1": ErrImagePull: ${why}`,
      },
    ].map((waiting) => said(container({ state: { waiting } })));
    expect(messages[0]).toBe(
      `ImageNotPulled: Pod mta-0 can't pull image registry.example/mta:1 (${why}): correct its name and tag where the operator is told them, and see that the nodes may pull it`,
    );
    expect(messages[1]).toBe(messages[0]);
  });

  it('may be a container that can not be started', () => {
    const waiting = { reason: 'CreateContainerConfigError', message: 'secret "mta-identities" not found' };
    expect(said(container({ state: { waiting } }))).toContain(
      'ContainerNotStarted: Container mta of pod mta-0 can\'t be started: CreateContainerConfigError: secret "mta-identities" not found',
    );
  });

  it('may be a container that ends, told in the same words while it is tried', () => {
    const ended = {
      terminated: {
        ...{ exitCode: 1, reason: 'Error' },
        message:
          '{"level":"info"}\npostrider mta: port 2525 of listener smtp is in use\n  Choose another one.\n',
      },
    };
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' };
    const tries = [
      { restartCount: 0, state: ended },
      { restartCount: 3, state: { waiting }, lastState: ended },
      { restartCount: 4, state: {}, lastState: ended },
    ].map((each) => said(container(each)));
    expect(tries[0]).toBe(
      'ContainerCrashing: Container mta of pod mta-0 has ended with exit code 1 (Error): port 2525 of listener smtp is in use Choose another one.: kubectl logs -n mail mta-0 --previous says more',
    );
    expect(new Set(tries).size).toBe(1);
    expect(said(container({ restartCount: 4, ready: true, lastState: ended }))).toBe('');
  });

  it('may be too little memory', () => {
    const lastState = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    expect(said(container({ restartCount: 1, lastState }))).toContain('needs more memory than it may have');
  });

  it('may be that it has failed, or finds no node', () => {
    expect(
      said(pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory' })),
    ).toContain('PodFailed: Pod mta-0 has failed: Evicted: The node was low on memory');
    const message = '0/3 nodes are available: 3 Insufficient memory.';
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    expect(said(pod({ conditions }))).toContain(`Unschedulable: Pod mta-0 can't be scheduled: ${message}`);
  });

  it('is told of the first pod that has the worst', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }];
    const broken = pod(
      {
        containerStatuses: [
          { name: 'mta', state: { waiting: { reason: 'InvalidImageName', message: 'no' } } },
        ],
      },
      'mta-1',
    );
    expect(said(pod({ conditions }), broken)).toContain('Pod mta-1');
  });

  it('has an end', () => {
    const message = `first ${'x'.repeat(5000)} last`;
    const text = said(pod({ phase: 'Failed', reason: 'Evicted', message }));
    expect(text.length).toBeLessThan(800);
    expect(text).toContain('last');
  });
});

it('a pod serves that is ready, and not about to go', () => {
  const conditions = [{ type: 'Ready', status: 'True' }];
  expect(isServing(pod({ conditions }))).toBe(true);
  expect(isServing(pod({ conditions: [{ type: 'Ready', status: 'False' }] }))).toBe(false);
  const going = pod({ conditions });
  expect(
    isServing({ ...going, metadata: { ...going.metadata, deletionTimestamp: '2026-11-29T00:00:00Z' } }),
  ).toBe(false);
});

describe('a claim', () => {
  const claim = (phase: string): ClaimObject => ({
    metadata: { namespace: 'mail', name: 'mta-queue' },
    spec: {
      ...{ accessModes: ['ReadWriteMany'], storageClassName: 'nfs' },
      resources: { requests: { storage: '10Gi' } },
    },
    status: { phase },
  });

  it('that is bound is no trouble', () => {
    expect(troubleOfClaim(claim('Bound'))).toBeUndefined();
  });

  it('without a volume says what was asked for, and what the cluster says', () => {
    const { reason, message } = troubleOfClaim(claim('Pending'), 'storageclass "nfs" not found')!;
    expect(reason).toBe('VolumePending');
    expect(message).toContain('mta-queue has no volume yet (10Gi, ReadWriteMany, storage class: nfs)');
    expect(message).toContain(': storageclass "nfs" not found: see that the storage class exists');
    expect(troubleOfClaim(claim('Pending'))!.message).toContain('nfs): see');
  });

  it('whose volume is gone says so', () => {
    expect(troubleOfClaim(claim('Lost'))!.reason).toBe('VolumeLost');
  });
});
