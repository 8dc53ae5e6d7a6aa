/**
 * A fleet with many domains and relays of several tenants, on a control plane of its own, with stand-ins for its pods: what the bench
 * measures an operator with, and a smaller one a test.
 */
import { randomInt } from 'node:crypto';
import { conditionTypes } from '../../../crds/conditions.ts';
import { systemClock } from '../../../mta/clock.ts';
import { systemRandom } from '../../../mta/random.ts';
import type { OwnObject } from '../../../operator/controllers/watched.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import { Reflector } from '../../../operator/kube/reflector.ts';
import { type KubeObject, keyOf, type ResourceType } from '../../../operator/kube/resource.ts';
import { CONFIG_MAPS, NAMESPACES, OWN_KINDS, SECRETS } from '../../../operator/kube/resources.ts';
import { POD_PORTS } from '../../../operator/objects/fleet.ts';
import { certificateAuthority } from '../../support/authority.ts';
import { waitFor } from '../../support/wait.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrds } from './crds.ts';
import { StandIn } from './stand-in.ts';

export const LARGE_FLEET = { namespace: 'mail', name: 'mta' };
/** Where the operator is. */
export const OPERATOR_NAMESPACE = 'postrider';

export interface Size {
  readonly domains: number;
  readonly relays: number;
  readonly tenants: number;
  /** Addresses in the list of each domain. */
  readonly recipients: number;
  /** Policies with a bundle of authorities: key material. */
  readonly policies: number;
  /** Bytes of each bundle. */
  readonly bundleBytes: number;
  readonly pods: number;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly observedGeneration: number;
}

export interface LargeFleet {
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  readonly pods: readonly StandIn[];
  /** Of one of our kinds, as a watch of the test's own sees them. */
  own(kind: string, name: string, namespace?: string): OwnObject | undefined;
  /** Resources that are not as they are to be: a condition that is not True, or that speaks of another generation than the newest. */
  lacking(): string[];
  /** Of each resource, as compile names it: with each edit of this test, though the watch may not have shown it yet. */
  generations(): Record<string, number>;
  /** How many objects the config takes. */
  parts(): Promise<{ readonly configMaps: number; readonly secrets: number }>;
  /** The pods come up, each as soon as there is a certificate for it. */
  startPods(): Promise<void>;
  /** Another spec for a domain: its list has one more address. */
  edit(number: number, mark: string): Promise<{ readonly id: string; readonly generation: number }>;
  /** Users with a password each, one of each of the first domains. */
  addUsers(count: number): Promise<void>;
  stop(): Promise<void>;
}

const CLUSTER_ROLE_BINDINGS: ResourceType = {
  ...{ group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterrolebindings' },
  ...{ kind: 'ClusterRoleBinding', namespaced: false },
};
/** They are there only while something is amiss. */
const NEGATIVE = new Set<string>([conditionTypes.Reconciling, conditionTypes.Stalled]);
const mtaRefs = [LARGE_FLEET];
const MAKERS = 16;

export const tenantOf = (number: number, { tenants }: Size): string => `tenant-${number % tenants}`;
export const domainName = (number: number): string => `domain-${number}`;

export async function startLargeFleet(size: Size): Promise<LargeFleet> {
  const plane = await startControlPlane();
  const client = plane.client();
  const watches = new Map(
    Array.from(OWN_KINDS, ([kind, type]) => [
      kind,
      new Reflector<OwnObject>(
        { client, clock: systemClock, random: systemRandom, onFailure: () => undefined },
        type,
      ),
    ]),
  );
  // Loopback has sixteen million addresses: other tests of this machine have theirs.
  const network = `127.${randomInt(1, 255)}.${randomInt(255)}`;
  const pods = Array.from({ length: size.pods }, (_, ordinal) => {
    const where = { host: `${network}.${ordinal + 1}`, port: POD_PORTS.control };
    return new StandIn(client, LARGE_FLEET, `${LARGE_FLEET.name}-${ordinal}`, where);
  });
  const stop = async () => {
    await Promise.all(Array.from(watches.values(), (watch) => watch.stop()));
    await Promise.all(pods.map((pod) => pod.stop()));
    await plane.stop();
  };
  const own = (kind: string, name: string, namespace = LARGE_FLEET.namespace) =>
    watches.get(kind)!.cache.get(keyOf({ namespace, name }));
  // A watch pauses where the API server was away. What it shows then is settled, and old.
  const edited = new Map<string, number>();
  const all = () =>
    [...watches].flatMap(([kind, { cache }]) =>
      Array.from(cache.values(), (object) => {
        const id = `${kind}/${keyOf(object.metadata)}`;
        const generation = Math.max(object.metadata.generation ?? 0, edited.get(id) ?? 0);
        return { id, object, generation };
      }),
    );
  try {
    await installCrds(client);
    await everybodyMay(client);
    await inParallel(await objectsOf(size), ([type, object]) => client.create(type, object));
    for (const watch of watches.values()) watch.start();
    await waitFor('all to be seen', () => [...watches.values()].every(({ synced }) => synced));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...{ plane, client, pods, own, stop },
    lacking: () =>
      all()
        .filter(({ object, generation }) => isLacking(object, generation))
        .map(({ id }) => id),
    generations: () => Object.fromEntries(all().map(({ id, generation }) => [id, generation])),
    async parts() {
      const count = async (type: ResourceType, prefix: string): Promise<number> => {
        const { items } = await client.list(type, { namespace: LARGE_FLEET.namespace });
        return items.filter(({ metadata }) => metadata.name.startsWith(`${LARGE_FLEET.name}-${prefix}-`))
          .length;
      };
      return { configMaps: await count(CONFIG_MAPS, 'config'), secrets: await count(SECRETS, 'secrets') };
    },
    async startPods() {
      await Promise.all(pods.map((pod) => pod.start()));
    },
    async addUsers(count) {
      await inParallel(usersOf(count, size), ([type, object]) => client.create(type, object));
      await waitFor('the users to be seen', () => watches.get('MailUser')!.cache.size === count);
    },
    async edit(number, mark) {
      const [name, namespace] = [domainName(number), tenantOf(number, size)];
      const recipients = { mode: 'List', list: [...addresses(number, size), mark] };
      const { metadata } = await client.patch<OwnObject>(
        OWN_KINDS.get('MailDomain')!,
        { namespace, name },
        { spec: { recipients } },
      );
      const id = `MailDomain/${keyOf(metadata)}`;
      edited.set(id, metadata.generation!);
      return { id, generation: metadata.generation! };
    },
  };
}

function isLacking({ status }: OwnObject, generation: number): boolean {
  const conditions = (status?.['conditions'] ?? []) as readonly Condition[];
  const isAmiss = (each: Condition) =>
    each.status !== 'True' || each.observedGeneration !== generation || NEGATIVE.has(each.type);
  return conditions.length === 0 || conditions.some(isAmiss);
}

/** The operator is a user like others here: the API server holds it to the fair share of one. */
async function everybodyMay(client: KubeClient): Promise<void> {
  await client.create(CLUSTER_ROLE_BINDINGS, {
    metadata: { name: 'operator' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'User', name: 'operator', apiGroup: 'rbac.authorization.k8s.io' }],
  } as KubeObject);
}

type Made = readonly [ResourceType, KubeObject];

const times = <T>(count: number, make: (number: number) => T): T[] =>
  Array.from({ length: count }, (_, number) => make(number));
const ownOf = (kind: string, name: string, namespace: string, spec: object): Made => [
  OWN_KINDS.get(kind)!,
  { apiVersion: 'postrider.dev/v1alpha1', kind, metadata: { namespace, name }, spec } as KubeObject,
];
const secretOf = (name: string, namespace: string, key: string, value: string): Made => [
  SECRETS,
  { metadata: { namespace, name }, data: { [key]: Buffer.from(value).toString('base64') } } as KubeObject,
];

const usersOf = (count: number, size: Size): Made[] =>
  times(count, (i) => {
    const [namespace, username] = [tenantOf(i, size), `user@${domainName(i)}.${tenantOf(i, size)}.example`];
    return [
      secretOf(`user-${i}`, namespace, 'password', `password of user ${i}`),
      ownOf('MailUser', `user-${i}`, namespace, {
        ...{ mtaRefs, username, senders: [username], password: { secretRef: { name: `user-${i}` } } },
      }),
    ];
  }).flat();

async function objectsOf(size: Size): Promise<Made[]> {
  const { domains, relays, policies, bundleBytes, tenants, pods } = size;
  const { certificate } = await certificateAuthority('bundle');
  const bundle = certificate.repeat(Math.ceil(bundleBytes / certificate.length));
  const names = times(tenants, (tenant) => `tenant-${tenant}`);
  return [
    ...[OPERATOR_NAMESPACE, LARGE_FLEET.namespace, ...names].map(
      (name): Made => [NAMESPACES, { metadata: { name } }],
    ),
    ownOf('MTA', LARGE_FLEET.name, LARGE_FLEET.namespace, {
      replicas: pods,
      hostname: 'mail.example.test',
      listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
      attachment: names.map((name) => ({
        name,
        namespaces: { names: [name] },
        kinds: ['MailDomain', 'MailRelay', 'MailTLSPolicy', 'MailUser'],
        domains: [`*.${name}.example`],
      })),
    }),
    ...times(policies, (i) => secretOf(`bundle-${i}`, tenantOf(i, size), 'ca.crt', bundle)),
    ...times(policies, (i) =>
      ownOf('MailTLSPolicy', `policy-${i}`, tenantOf(i, size), {
        ...{ mtaRefs, mode: 'Verified', caRef: { name: `bundle-${i}`, key: 'ca.crt' } },
      }),
    ),
    ...times(domains, (i) =>
      ownOf('MailDomain', domainName(i), tenantOf(i, size), {
        ...{ mtaRefs, domain: `${domainName(i)}.${tenantOf(i, size)}.example` },
        target: { type: 'LMTP', lmtp: { hosts: [{ host: `inbox-${i}.example.test` }] } },
        recipients: { mode: 'List', list: addresses(i, size) },
      }),
    ),
    ...times(relays, (i) => secretOf(`account-${i}`, tenantOf(i, size), 'password', `password of ${i}`)),
    ...times(relays, (i) =>
      ownOf('MailRelay', `relay-${i}`, tenantOf(i, size), {
        mtaRefs,
        match: { senderDomains: [`${domainName(i)}.${tenantOf(i, size)}.example`] },
        hosts: [{ host: `smart-${i}.example.test` }],
        credentials: { username: `user-${i}`, secretRef: { name: `account-${i}` } },
        ...(i < policies && { tls: { policyRef: { name: `policy-${i}` } } }),
      }),
    ),
  ];
}

const addresses = (number: number, { recipients }: Size): string[] =>
  Array.from({ length: recipients }, (_, i) => `somebody-${i}-of-${number}`);

/** Namespaces come first: the others are in them. */
async function inParallel(made: readonly Made[], make: (each: Made) => Promise<unknown>): Promise<void> {
  const [namespaces, others] = [
    made.filter(([type]) => type === NAMESPACES),
    made.filter(([type]) => type !== NAMESPACES),
  ];
  for (const each of namespaces) await make(each);
  let next = 0;
  await Promise.all(
    Array.from({ length: MAKERS }, async () => {
      while (next < others.length) {
        next += 1;
        await make(others[next - 1]!);
      }
    }),
  );
}
