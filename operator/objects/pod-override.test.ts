import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mta } from '../../crds/mta.ts';
import type { Fleet } from './fleet.ts';
import { ownTemplate, podTemplate } from './pod.ts';
import { overrideProblems } from './pod-override.ts';

const settings = { image: 'mta:1', operator: { namespace: 'postrider', labels: {} } };
const fleet = (override: string, more: object = {}): Fleet => ({
  ...{ namespace: 'mail', name: 'mta', uid: 'u' },
  spec: mta.spec.parse({
    hostname: 'mail.example.test',
    listeners: [{ name: 'smtp', role: 'SMTP', port: 2525 }],
    podTemplate: parse(override) as object,
    ...more,
  }),
});
const problems = (override: string, more: object = {}) => {
  const made = fleet(override, more);
  return overrideProblems(ownTemplate(made, settings), made.spec.podTemplate);
};
const perReplica = { storage: { mode: 'PerReplica' } };
const ofMta = (more: string) => `{spec: {containers: [{name: mta, ${more}}]}}`;

describe('an override', () => {
  it('may be empty, and then is none', () => {
    expect(podTemplate(fleet('{}'), settings)).toEqual(ownTemplate(fleet('{}'), settings));
  });

  it.each([
    ['labels and annotations', '{metadata: {labels: {team: mail}, annotations: {a: b}}}'],
    [
      'where pods go',
      '{spec: {nodeSelector: {disk: ssd}, tolerations: [{key: mail}], affinity: {nodeAffinity: {}}}}',
    ],
    [
      'another container, and another volume',
      '{spec: {containers: [{name: log, image: x}], volumes: [{name: tmp, emptyDir: {}}]}}',
    ],
    [
      'more env, mounts and ports',
      ofMta(
        'env: [{name: A, value: b}], volumeMounts: [{name: tmp, mountPath: /tmp}], ports: [{containerPort: 9000}]',
      ),
    ],
    ['times of a probe', ofMta('livenessProbe: {periodSeconds: 30, failureThreshold: 9}')],
    ['no spread at all', '{spec: {topologySpreadConstraints: null}}'],
    ['a longer grace', '{spec: {terminationGracePeriodSeconds: 661}}'],
    [
      'a user that the cluster chooses',
      '{spec: {securityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}}}',
    ],
    ['resources and an image', ofMta('image: "y:2", resources: {requests: {cpu: 1}}')],
    ['our own again', '{spec: {automountServiceAccountToken: false, restartPolicy: Always}}'],
  ])('may give %s', (_what, override) => {
    expect(problems(override)).toEqual([]);
    expect(podTemplate(fleet(override), settings)).not.toEqual(ownTemplate(fleet('{}'), settings));
  });

  it.each([
    ['other selector labels', 'metadata.labels', '{metadata: {labels: {app.kubernetes.io/instance: other}}}'],
    ['another account', 'spec.serviceAccountName', '{spec: {serviceAccountName: admin}}'],
    ['another account, by its old name', 'spec.serviceAccount', '{spec: {serviceAccount: admin}}'],
    ['a token', 'spec.automountServiceAccountToken', '{spec: {automountServiceAccountToken: true}}'],
    [
      'a token, by default',
      'spec.automountServiceAccountToken',
      '{spec: {automountServiceAccountToken: null}}',
    ],
    ['no second start', 'spec.restartPolicy', '{spec: {restartPolicy: Never}}'],
    ['another queue', 'spec.volumes', '{spec: {volumes: [{name: queue, $patch: replace, emptyDir: {}}]}}'],
    ['no config', 'spec.volumes', '{spec: {volumes: [{name: config, $patch: delete}]}}'],
    ['other args', 'spec.containers[name=mta].args', ofMta('args: [--help]')],
    ['another command', 'spec.containers[name=mta].command', ofMta('command: [sh]')],
    [
      'another name of the pod',
      'spec.containers[name=mta].env',
      ofMta('env: [{name: POD_NAME, value: mta-0, valueFrom: null}]'),
    ],
    [
      'another mount',
      'spec.containers[name=mta].volumeMounts',
      ofMta('volumeMounts: [{name: tmp, mountPath: /var/lib/postrider}]'),
    ],
    [
      'a mount less',
      'spec.containers[name=mta].volumeMounts',
      ofMta('volumeMounts: [{mountPath: /etc/postrider/config, $patch: delete}]'),
    ],
    ['another port', 'spec.containers[name=mta].ports', ofMta('ports: [{containerPort: 2580, name: mail}]')],
    [
      'another probe',
      'spec.containers[name=mta].readinessProbe.httpGet',
      ofMta('readinessProbe: {httpGet: null, tcpSocket: {port: 2525}}'),
    ],
    ['no probe', 'spec.containers[name=mta].livenessProbe.httpGet', ofMta('livenessProbe: null')],
    ['a shorter grace', 'spec.terminationGracePeriodSeconds', '{spec: {terminationGracePeriodSeconds: 30}}'],
    [
      'the grace that is Kubernetes own',
      'spec.terminationGracePeriodSeconds',
      '{spec: {terminationGracePeriodSeconds: null}}',
    ],
  ])('may not give %s', (_what, path, override) => {
    expect(problems(override)).toEqual([
      { path: `spec.podTemplate.${path}`, message: expect.stringMatching(`^spec.podTemplate.*: .`) },
    ]);
  });

  it('may not take the volume of a pod of its own', () => {
    const override = '{spec: {volumes: [{name: queue, emptyDir: {}}]}}';
    expect(problems(override, perReplica).map(({ path }) => path)).toEqual(['spec.podTemplate.spec.volumes']);
  });

  it('is told of everything that it may not, and of what can not be merged', () => {
    expect(problems('{spec: {$patch: replace, containers: [{name: mine}]}}').length).toBeGreaterThan(8);
    expect(problems('{spec: {containers: [{image: x}]}}')).toEqual([
      {
        path: 'spec.podTemplate.spec.containers[0]',
        message: 'spec.podTemplate.spec.containers[0]: has no name, by which it would be merged: name it',
      },
    ]);
  });
});

describe('the container of the mta', () => {
  const container = (more: object) => podTemplate(fleet('{}', more), settings).spec!.containers[0]!;

  it('has the image of the operator, or the one that the MTA names', () => {
    expect(container({})).toMatchObject({ image: 'mta:1' });
    const named = { image: { name: 'mine:2', pullPolicy: 'Always', pullSecrets: [{ name: 'registry' }] } };
    expect(container(named)).toMatchObject({ image: 'mine:2', imagePullPolicy: 'Always' });
    expect(podTemplate(fleet('{}', named), settings).spec!.imagePullSecrets).toEqual([{ name: 'registry' }]);
  });

  it('has the resources that the MTA gives, as text', () => {
    expect(container({ resources: { requests: { cpu: 2, memory: '1Gi' } } }).resources).toEqual({
      requests: { cpu: '2', memory: '1Gi' },
    });
    expect(container({}).resources).toBeUndefined();
  });
});
