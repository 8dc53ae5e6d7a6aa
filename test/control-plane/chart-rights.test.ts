/**
 * The operator as the chart lets it: a process with the token of the chart's own account, for all namespaces and for one. Nothing that it
 * asks for is refused, and it may do no more than that.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { systemClock } from '../../mta/clock.ts';
import type { OwnObject, StatefulSetObject } from '../../operator/controllers/watched.ts';
import { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import {
  NAMESPACES,
  OPTIONAL,
  OWN_KINDS,
  PODS,
  SECRETS,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../../operator/kube/resources.ts';
import { loadCluster } from '../../operator/kube/transport.ts';
import { POD_PORTS } from '../../operator/objects/fleet.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePort } from '../support/ports.ts';
import { type Running, start } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { type Access, isForbidden, may, tokenOf } from './support/accounts.ts';
import { type AuditEvent, audit } from './support/audit.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { ALONE, type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { CHART, helmOk, type Manifest, manifestsIn, sets } from './support/helm.ts';
import { OPERATOR_MAIN } from './support/operator-process.ts';
import { StandIn } from './support/stand-in.ts';

/** Where the operator runs, in both modes. */
const HOME = 'postrider-system';
const ACCOUNT = 'postrider-operator';

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
const CLUSTER_ROLES = { ...RBAC, plural: 'clusterroles', kind: 'ClusterRole', namespaced: false };
const ROLE_BINDINGS = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding', namespaced: true };

const right = (group: string, resource: string, verb: string): string =>
  `${group === '' ? '' : `${group}/`}${resource} ${verb}`;

/** Rights that this test has no use for, or not each time, and what they are for. */
const AHEAD: ReadonlyMap<string, string> = new Map([
  ...Array.from(OPTIONAL, ([{ group, plural }, by]) =>
    ['list', 'watch', 'create', 'patch', 'delete'].map(
      (verb) => [right(group, plural, verb), `${by}, which is not installed here`] as const,
    ),
  ).flat(),
  ['postrider.dev/mtas/finalizers update', 'OwnerReferencesPermissionEnforcement, which is off by default'],
  ['persistentvolumeclaims get', 'a pod that was leaving, in mode PerReplica, and is to serve again'],
  ['pods delete', 'a pod that comes back to a volume that is being deleted'],
  ['events.k8s.io/events create', 'something has gone wrong, or is well again'],
  ['events.k8s.io/events patch', 'the same, again'],
  ['events.k8s.io/events list', 'why a pod or a volume can not be made'],
]);

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const rightsIn = (rules: readonly Rule[]): string[] =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => right(group, resource, verb))),
    ),
  );

/** What a request takes. A patch that makes what wasn't there takes the right to create it too. */
function rightsFor({ verb, objectRef, responseStatus }: AuditEvent): string[] {
  const { apiGroup = '', resource = '', subresource } = objectRef!;
  const name = subresource === undefined ? resource : `${resource}/${subresource}`;
  const isMade = verb === 'patch' && responseStatus?.code === 201;
  return [verb, ...(isMade ? ['create'] : [])].map((each) => right(apiGroup, name, each));
}

/** One of each kind. A user's password is in a Secret. */
const MANIFESTS = `
apiVersion: postrider.dev/v1alpha1
kind: MTA
metadata: {name: mta}
spec:
  storage: {mode: Shared}
  hostname: mail.example.test
  listeners: [{name: smtp, role: SMTP, port: 2525, tls: {mode: None}}]
---
apiVersion: postrider.dev/v1alpha1
kind: MailDomain
metadata: {name: domain}
spec:
  mtaRefs: [{name: mta}]
  domain: example.test
  target: {type: LMTP, lmtp: {hosts: [{host: inbox.example}]}}
---
apiVersion: postrider.dev/v1alpha1
kind: MailRelay
metadata: {name: relay}
spec:
  mtaRefs: [{name: mta}]
  match: {recipientDomains: ['*']}
  hosts: [{host: smart.example}]
---
apiVersion: postrider.dev/v1alpha1
kind: MailTLSPolicy
metadata: {name: policy}
spec: {mtaRefs: [{name: mta}], mode: Required}
---
apiVersion: postrider.dev/v1alpha1
kind: MailUser
metadata: {name: user}
spec:
  mtaRefs: [{name: mta}]
  username: user
  password: {secretRef: {name: user-password}}
  senders: ['*@example.test']
`;

describeWithControlPlane('an operator with the rights that the chart gives it', () => {
  let plane: ControlPlane;
  let admin: KubeClient;
  const folder = temporaryFolder('chart-rights');
  const log = audit();

  beforeAll(async () => {
    plane = await startControlPlane({ ...ALONE, flags: log.flags });
    admin = plane.client();
    for (const name of [HOME, 'all', 'one', 'other']) await admin.create(NAMESPACES, { metadata: { name } });
  });
  afterAll(() => plane?.stop());

  const becomesReady = (kind: string, namespace: string, name: string) =>
    waitFor(
      `${kind} ${name} to be ready`,
      async () => {
        const { status } = (await admin.get<OwnObject>(OWN_KINDS.get(kind)!, { namespace, name }))!;
        const conditions = (status?.['conditions'] ?? []) as { type: string; status: string }[];
        return conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      },
      { timeoutMs: 60_000, everyMs: 100 },
    );

  describe.each([
    // Ports of pods are fixed: each fleet's are on an address of this machine of their own.
    { mode: 'all namespaces', namespace: 'all', host: '127.0.81.1', values: [] },
    { mode: 'one namespace', namespace: 'one', host: '127.0.81.2', values: ['watchNamespace=one'] },
  ])('for $mode', ({ namespace, host, values }) => {
    const isNamespaced = values.length > 0;
    let operator: Running;
    let pod: StandIn;
    /** With the rights of the operator. */
    let client: KubeClient;
    let granted: readonly string[];
    /** Number of the first request that is the operator's. */
    let first: number;

    beforeAll(async () => {
      const on = ['--kubeconfig', plane.kubeconfig(), '-n', HOME];
      await helmOk('install', 'postrider', CHART, ...on, ...sets(values));
      const manifests = manifestsIn(await helmOk('get', 'manifest', 'postrider', ...on));
      granted = manifests
        .filter(({ kind, metadata: { name } }) => /^(Cluster)?Role$/.test(kind) && name.startsWith(ACCOUNT))
        .flatMap((role) => rightsIn((role as Manifest & { rules: Rule[] }).rules));

      const token = await tokenOf(plane.transport(), HOME, ACCOUNT);
      const kubeconfig = plane.kubeconfigOf(`system:serviceaccount:${HOME}:${ACCOUNT}`, token);
      client = new KubeClient({
        ...{ transport: loadCluster(kubeconfig), clock: systemClock, fieldManager: 'test' },
      });
      const needs = { verb: 'update', group: 'coordination.k8s.io', resource: 'leases', namespace: HOME };
      const lease = isNamespaced ? `postrider-operator-${namespace}` : 'postrider-operator';
      for (const access of [
        { ...needs, name: lease },
        { verb: 'list', resource: 'secrets', namespace },
      ]) {
        await waitFor('the roles to count', () => may(client, access));
      }
      first = log.events().length;
      const [deployment] = manifests.filter(({ kind }) => kind === 'Deployment');
      const { args } = (
        deployment as unknown as { spec: { template: { spec: { containers: { args: string[] }[] } } } }
      ).spec.template.spec.containers[0]!;
      const port = await freePort();
      // The image has it as JavaScript.
      operator = start(
        process.execPath,
        [
          ...args.map((arg) => (arg === 'operator/main.js' ? OPERATOR_MAIN : arg)),
          ...['--kubeconfig', kubeconfig, '--own-namespace', HOME, '--health-port', `${port}`],
        ],
        join(folder, `${namespace}.log`),
      );
      await waitFor(
        'the operator to be ready',
        async () => {
          if (operator.ended() !== undefined) throw new Error(operator.output());
          return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
        },
        { timeoutMs: 60_000 },
      );

      const data = { password: Buffer.from('geheim').toString('base64') };
      const metadata = { namespace, name: 'user-password' };
      await admin.apply(SECRETS, { metadata, data } as KubeObject);
      for (const document of parseAllDocuments(MANIFESTS)) {
        const object = document.toJS() as Manifest;
        await admin.apply(OWN_KINDS.get(object.kind)!, {
          ...object,
          metadata: { ...object.metadata, namespace },
        });
      }
      pod = new StandIn(admin, { namespace, name: 'mta' }, 'mta-0', { host, port: POD_PORTS.control });
      await pod.start();
    });
    afterAll(async () => {
      await operator?.kill9();
      await pod?.stop();
      await helmOk('uninstall', 'postrider', '--kubeconfig', plane.kubeconfig(), '-n', HOME);
    });

    it('makes a fleet with every kind ready', async () => {
      for (const [kind, name] of [
        ...([
          ['MTA', 'mta'],
          ['MailDomain', 'domain'],
          ['MailRelay', 'relay'],
          ['MailTLSPolicy', 'policy'],
          ['MailUser', 'user'],
        ] as const),
      ]) {
        await becomesReady(kind, namespace, name);
      }
      expect(pod.config?.domains.map(({ domain }) => domain)).toEqual(['example.test']);
    });

    it('takes the fleet away when its MTA is deleted', async () => {
      const claim = { namespace, name: 'mta-queue' };
      // As the controller of volumes leaves it.
      await admin.patch(VOLUME_CLAIMS, claim, { spec: { volumeName: 'any' } });
      await admin.delete(OWN_KINDS.get('MTA')!, { namespace, name: 'mta' });
      await waitFor('the StatefulSet to let its pod go', async () => {
        const set = await admin.get<StatefulSetObject>(STATEFUL_SETS, { namespace, name: 'mta' });
        return set?.spec?.replicas === 0;
      });
      await pod.end();
      await waitFor('the volume to be deleted', async () => {
        const found = await admin.get(VOLUME_CLAIMS, claim);
        return found === undefined || found.metadata.deletionTimestamp !== undefined;
      });
      await admin.patch(VOLUME_CLAIMS, claim, { metadata: { finalizers: null } });
      await waitFor('the MTA to be gone', async () => {
        const left = await admin.get(OWN_KINDS.get('MTA')!, { namespace, name: 'mta' });
        return left === undefined;
      });
    });

    it('is refused nothing that it asks for, and has no right that it has no use for', async () => {
      await waitFor('the lease to be renewed', () =>
        ours().some(({ verb, objectRef }) => verb === 'update' && objectRef?.resource === 'leases'),
      );
      const refused = ours().filter(({ responseStatus }) => responseStatus?.code === 403);
      expect(refused.map(({ responseStatus }) => responseStatus?.message)).toEqual([]);
      const used = new Set(ours().flatMap(rightsFor));
      expect(granted.filter((each) => !used.has(each) && !AHEAD.has(each))).toEqual([]);
      expect(granted).toEqual(expect.arrayContaining([...AHEAD.keys()]));
    });

    /** What the process has asked, for as long as the test itself has not asked with the same token. */
    function ours(): AuditEvent[] {
      return log
        .events()
        .slice(first)
        .filter(
          ({ user, objectRef }) =>
            user.username === `system:serviceaccount:${HOME}:${ACCOUNT}` && objectRef !== undefined,
        );
    }

    const forbidden: readonly Access[] = [
      { verb: 'create', resource: 'pods', namespace },
      { verb: 'create', resource: 'pods', subresource: 'exec', namespace },
      { verb: 'get', resource: 'pods', subresource: 'log', namespace },
      { verb: 'get', resource: 'secrets', namespace },
      { verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace },
      { verb: 'impersonate', resource: 'serviceaccounts', namespace },
      { verb: 'update', group: 'postrider.dev', resource: 'maildomains', namespace },
      { verb: 'patch', group: 'postrider.dev', resource: 'maildomains', namespace },
      { verb: 'delete', group: 'postrider.dev', resource: 'mtas', namespace },
      { verb: 'create', group: 'apps', resource: 'deployments', namespace },
      { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'rolebindings', namespace },
      { verb: 'bind', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
      { verb: 'escalate', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
      { verb: 'patch', resource: 'namespaces' },
      { verb: 'list', resource: 'nodes' },
      { verb: 'patch', group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
      { verb: 'create', group: 'coordination.k8s.io', resource: 'leases', namespace },
      { verb: 'update', group: 'coordination.k8s.io', resource: 'leases', namespace: HOME, name: 'other' },
      { verb: 'delete', group: 'coordination.k8s.io', resource: 'leases', namespace: HOME },
      ...(isNamespaced
        ? [
            { verb: 'list', resource: 'secrets' },
            { verb: 'list', resource: 'secrets', namespace: 'other' },
            { verb: 'list', resource: 'secrets', namespace: HOME },
            { verb: 'list', resource: 'namespaces' },
            { verb: 'create', group: 'apps', resource: 'statefulsets', namespace: 'other' },
            { verb: 'list', group: 'postrider.dev', resource: 'maildomains' },
          ]
        : []),
    ];
    it.each(forbidden.map((access) => [Object.values(access).join(' '), access] as const))(
      'may not %s',
      async (_, access) => expect(await may(client, access)).toBe(false),
    );

    it('is refused by the API server what it may not do', async () => {
      const name = { namespace, name: 'user-password' };
      await expect(client.get(SECRETS, name)).rejects.toSatisfy(isForbidden);
      const spec = { containers: [{ name: 'any', image: 'any' }] };
      const metadata = { namespace, name: 'any' };
      await expect(client.create(PODS, { metadata, spec } as KubeObject)).rejects.toSatisfy(isForbidden);
      if (isNamespaced) {
        await expect(client.list(SECRETS)).rejects.toSatisfy(isForbidden);
        await expect(client.list(SECRETS, { namespace: 'other' })).rejects.toSatisfy(isForbidden);
      }
      // That it is the rights, and not the token:
      expect((await client.list(SECRETS, { namespace })).items.length).toBeGreaterThan(0);
    });
  });

  it('people have our kinds with view, edit and admin', async () => {
    const on = ['--kubeconfig', plane.kubeconfig(), '-n', HOME];
    await helmOk('install', 'postrider', CHART, ...on);
    const tenant = plane.client('tenant');
    const roles = ['view', 'edit', 'admin'] as const;
    const reach = { MailDomain: 'maildomains', MTA: 'mtas' };
    const can = new Map<string, string[]>();
    for (const role of roles) {
      // The aggregation is a controller's, which a bare API server doesn't have: the chart's role is what it would add.
      const name = `postrider-${role}`;
      const found = await admin.get<KubeObject>(CLUSTER_ROLES, { name });
      expect(found?.metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`]).toBe('true');
      await admin.create(ROLE_BINDINGS, {
        metadata: { namespace: 'other', name },
        roleRef: { apiGroup: ROLE_BINDINGS.group, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: ROLE_BINDINGS.group, kind: 'User', name: 'tenant' }],
      } as KubeObject);
      for (const [kind, resource] of Object.entries(reach)) {
        for (const verb of ['list', 'create']) {
          const access = { verb, group: 'postrider.dev', resource, namespace: 'other' };
          if (await may(tenant, access)) can.set(role, [...(can.get(role) ?? []), `${verb} ${kind}`]);
        }
      }
      await admin.delete(ROLE_BINDINGS, { namespace: 'other', name });
    }
    expect(Object.fromEntries(can)).toEqual({
      view: ['list MailDomain', 'list MTA'],
      edit: ['create MailDomain'],
      admin: ['create MTA'],
    });
  });
}, ['helm']);
