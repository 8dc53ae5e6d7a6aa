/**
 * What one namespace can't do to another's mail: take it, redirect it, weaken its way, send in its name, read it. Each way is tried by a
 * user who may do everything in one namespace, on a real API server; what the pods are told about the other's mail must
 * stay as it was, by the functions that the mta asks.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MtaConfig } from '../../mta/config.ts';
import { compilePolicy } from '../../mta/policy/policy.ts';
import { compileRoutes } from '../../mta/route/destination.ts';
import { compileTlsPolicies } from '../../mta/route/tls-policy.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { OwnObject } from '../../operator/controllers/watched.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject, ResourceType } from '../../operator/kube/resource.ts';
import { NAMESPACES, OWN_KINDS, SECRETS } from '../../operator/kube/resources.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const FLEET = { namespace: 'mail', name: 'mta' };
const mtaRefs = [FLEET];
const ROLES: ResourceType = {
  ...{ group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'roles', kind: 'Role', namespaced: true },
};
const BINDINGS: ResourceType = { ...ROLES, plural: 'rolebindings', kind: 'RoleBinding' };
const PASSWORD = 'a password of red';

const target = (host: string) => ({ type: 'SMTP', smtp: { hosts: [{ host, port: 25 }] } });
const tls = { policyRef: { name: 'strict' } };
const strict = { mode: 'Verified' };
const red = {
  MailTLSPolicy: strict,
  MailDomain: { domain: 'red.example', target: target('inbox.red.example') },
  MailRelay: { match: { senderDomains: ['red.example'] }, hosts: [{ host: 'smart.red.example' }], tls },
  MailUser: {
    ...{ username: 'red@red.example', senders: ['*@red.example'] },
    password: { secretRef: { name: 'password' } },
  },
};
const blue = {
  ...{ username: 'blue@blue.example', senders: ['*@blue.example'] },
  password: { secretRef: { name: 'password' } },
};
/** Where mail of red comes from and goes to, how it is secured on the way, and who may send in its name. */
function viewOf(config: MtaConfig) {
  const routes = compileRoutes(config);
  const policies = compileTlsPolicies(config);
  const from = 'anna@red.example';
  const wayOf = (to: string, context = { from, user: 'red@red.example' }) => {
    const destination = routes.destinationFor(context, to);
    const tls =
      destination.kind === 'relay'
        ? policies.named(destination.relay.tls)
        : destination.kind === 'domain'
          ? policies.named(destination.domain.target.tls)
          : policies.forDomain(to.slice(to.indexOf('@') + 1));
    return { destination, tls };
  };
  const verifier = { verify: async () => true };
  const policy = compilePolicy(config, verifier);
  const listener = config.listeners[0]!;
  const senders = config.users.filter(({ username }) => {
    const client = { listener, address: '192.0.2.1', user: username };
    try {
      policy.checkSender(client as never, { from } as never);
      return true;
    } catch {
      return false;
    }
  });
  return {
    inbound: wayOf('anna@red.example', { from: 'x@elsewhere.example', user: undefined as never }),
    upperCase: wayOf('anna@RED.example', { from: 'x@elsewhere.example', user: undefined as never }),
    below: wayOf('anna@sub.red.example', { from: 'x@elsewhere.example', user: undefined as never }),
    outbound: wayOf('x@far.example'),
    toPartner: wayOf('x@partner.example', { from: 'someone@mail.example', user: 'nobody' }),
    toOther: wayOf('x@other.example', { from: 'someone@mail.example', user: 'nobody' }),
    fleet: wayOf('postmaster@mta.example', { from: 'x@elsewhere.example', user: undefined as never }),
    senders: senders.map(({ username }) => username),
    user: config.users.find(({ username }) => username === 'red@red.example'),
    secrets: Object.values(config.secrets).filter((value) => value.includes('red')),
  };
}

type Way = readonly [what: string, kind: string, spec: object, reason: string];
const WAYS: readonly Way[] = [
  [
    'takes a domain that another namespace has',
    'MailDomain',
    { domain: 'red.example', target: target('inbox.blue.example') },
    'DomainNotAllowed',
  ],
  [
    'takes it in other letters',
    'MailDomain',
    { domain: 'RED.Example', target: target('inbox.blue.example') },
    'DomainNotAllowed',
  ],
  [
    'takes it as an alias of a domain of its own',
    'MailDomain',
    { domain: 'blue.example', aliases: ['red.example'], target: target('inbox.blue.example') },
    'DomainNotAllowed',
  ],
  [
    'takes a name below it',
    'MailDomain',
    { domain: 'sub.red.example', target: target('inbox.blue.example') },
    'DomainNotAllowed',
  ],
  [
    'takes the name of the fleet',
    'MailDomain',
    { domain: 'mta.example', target: target('inbox.blue.example') },
    'DomainNotAllowed',
  ],
  [
    'redirects what is for it by a relay',
    'MailRelay',
    { match: { recipientDomains: ['red.example'] }, hosts: [{ host: 'smart.blue.example' }], tls },
    '',
  ],
  [
    'redirects what comes from it by a relay',
    'MailRelay',
    { match: { senderDomains: ['red.example'] }, hosts: [{ host: 'smart.blue.example' }], tls },
    'DomainNotAllowed',
  ],
  [
    'redirects what its users send by a relay',
    'MailRelay',
    { match: { users: ['red@red.example'] }, hosts: [{ host: 'smart.blue.example' }], tls },
    '',
  ],
  [
    'redirects everything by a relay',
    'MailRelay',
    { match: { recipientDomains: ['*'] }, hosts: [{ host: 'smart.blue.example' }], tls },
    '',
  ],
  [
    'weakens the TLS of a destination by a relay',
    'MailRelay',
    { match: { senderDomains: ['blue.example'] }, hosts: [{ host: 'smart.blue.example' }] },
    'BelowTLSFloor',
  ],
  [
    'weakens the TLS of a destination',
    'MailTLSPolicy',
    { destinations: ['partner.example'], mode: 'None' },
    'DomainNotAllowed',
  ],
  [
    'weakens the TLS of all destinations',
    'MailTLSPolicy',
    { destinations: ['*'], mode: 'Opportunistic' },
    'DomainNotAllowed',
  ],
  [
    'sends in its name by a user of its own',
    'MailUser',
    { ...blue, senders: ['*@blue.example', '*@red.example'] },
    'DomainNotAllowed',
  ],
  [
    'sends in the name of one address',
    'MailUser',
    { ...blue, senders: ['anna@red.example'] },
    'DomainNotAllowed',
  ],
  [
    'takes the name of a user',
    'MailUser',
    { ...blue, username: 'red@red.example', senders: ['*@blue.example'] },
    'DomainNotAllowed',
  ],
  [
    'takes it in other letters',
    'MailUser',
    { ...blue, username: 'RED@Red.example', senders: ['*@blue.example'] },
    'DomainNotAllowed',
  ],
];

describeWithControlPlane('one namespace and another’s mail', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let tenant: KubeClient;
  let operator: Operator;
  let pod: StandIn;

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    tenant = plane.client('tenant');
    await installCrds(client);
    for (const name of ['mail', 'red', 'blue']) await client.create(NAMESPACES, { metadata: { name } });
    await everythingIn('blue');
    const grants = ['red', 'blue'].map((name) => ({
      ...{ name, namespaces: { names: [name] }, domains: [`${name}.example`] },
      kinds: ['MailDomain', 'MailRelay', 'MailTLSPolicy', 'MailUser'],
    }));
    await client.apply(OWN_KINDS.get('MTA')!, {
      metadata: FLEET,
      spec: {
        hostname: 'mta.example',
        listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
        attachment: grants,
      },
    } as KubeObject);
    await client.apply(OWN_KINDS.get('MailTLSPolicy')!, {
      metadata: { namespace: 'mail', name: 'partner' },
      spec: { mtaRefs, destinations: ['partner.example'], mode: 'Verified' },
    } as KubeObject);
    for (const namespace of ['red', 'blue']) {
      const data = { password: Buffer.from(namespace === 'red' ? PASSWORD : 'of blue').toString('base64') };
      await client.create(SECRETS, { metadata: { namespace, name: 'password' }, data } as KubeObject);
    }
    for (const [kind, spec] of Object.entries(red)) {
      await apply(client, kind, 'red', kind === 'MailTLSPolicy' ? 'strict' : 'red', spec);
    }
    await apply(client, 'MailTLSPolicy', 'blue', 'strict', strict);
    await apply(client, 'MailDomain', 'blue', 'blue', {
      domain: 'blue.example',
      target: target('inbox.blue.example'),
    });
    pod = new StandIn(client, FLEET, 'mta-0');
    operator = await runOperator(plane.transport(), {
      addressOf: () => pod.address,
    });
    await pod.start();
    for (const kind of Object.keys(red)) {
      await verdictOf(kind, 'red', kind === 'MailTLSPolicy' ? 'strict' : 'red', 'Ready');
    }
    await verdictOf('MailDomain', 'blue', 'blue', 'Ready');
  });
  afterAll(async () => {
    await operator?.stop();
    await pod?.stop();
    await plane?.stop();
  });

  /** For the user `tenant`. */
  async function everythingIn(namespace: string): Promise<void> {
    const metadata = { namespace, name: 'everything' };
    const rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
    await client.create(ROLES, { metadata, rules } as KubeObject);
    await client.create(BINDINGS, {
      metadata,
      roleRef: { apiGroup: ROLES.group, kind: 'Role', name: 'everything' },
      subjects: [{ apiGroup: ROLES.group, kind: 'User', name: 'tenant' }],
    } as KubeObject);
  }
  const apply = (as: KubeClient, kind: string, namespace: string, name: string, spec: object) =>
    as.apply(OWN_KINDS.get(kind)!, {
      metadata: { namespace, name },
      spec: { mtaRefs, ...spec },
    } as KubeObject);

  /** What the status says of this generation, once it says anything. */
  const verdictOf = (kind: string, namespace: string, name: string, type = 'Accepted') =>
    waitFor(`${kind} ${namespace}/${name} to be looked at`, async () => {
      const found = await client.get<OwnObject>(OWN_KINDS.get(kind)!, { namespace, name });
      const { conditions = [] } = (found?.status ?? {}) as {
        conditions?: { type: string; status: string; reason: string; observedGeneration: number }[];
      };
      const verdict = conditions.find((each) => each.type === type);
      if (verdict?.observedGeneration !== found?.metadata.generation || verdict?.reason === 'Pending')
        return undefined;
      return type === 'Ready' && verdict?.status !== 'True' ? undefined : verdict;
    });

  it.each(WAYS)('no one %s: %s', async (_, kind, spec, reason) => {
    const before = viewOf(pod.config!);
    expect(before.senders).toEqual(['red@red.example']);
    expect(before.secrets).toEqual([]);
    const revision = pod.revision;
    const name =
      kind === 'MailDomain' && (spec as { domain: string }).domain === 'blue.example' ? 'blue' : 'attempt';
    await apply(tenant, kind, 'blue', name, spec);
    const verdict = await verdictOf(kind, 'blue', name);
    if (reason === '') {
      // It is accepted, and binds nothing but mail of its own namespace.
      expect(verdict?.status).toBe('True');
      await verdictOf(kind, 'blue', name, 'Ready');
      expect(pod.revision).toBeGreaterThan(revision);
    } else expect(verdict).toMatchObject({ status: 'False', reason });
    expect(viewOf(pod.config!)).toEqual(before);
    if (name === 'attempt') await tenant.delete(OWN_KINDS.get(kind)!, { namespace: 'blue', name });
    else {
      await apply(tenant, kind, 'blue', name, {
        domain: 'blue.example',
        target: target('inbox.blue.example'),
      });
      await verdictOf(kind, 'blue', name, 'Ready');
    }
  });

  it('no one reads a Secret of another namespace', async () => {
    const before = viewOf(pod.config!);
    const stolen = { ...blue, password: { secretRef: { name: 'password', namespace: 'red' } } };
    await apply(tenant, 'MailUser', 'blue', 'thief', stolen).catch(() => undefined);
    const found = await client.get<OwnObject>(OWN_KINDS.get('MailUser')!, {
      namespace: 'blue',
      name: 'thief',
    });
    // The field is none of the schema's: what is left names a Secret of its own namespace.
    expect(JSON.stringify(found?.spec ?? {})).not.toContain('"namespace":"red"');
    if (found !== undefined) await verdictOf('MailUser', 'blue', 'thief', 'Ready');
    expect(JSON.stringify(pod.config!.secrets)).not.toContain(PASSWORD);
    expect(viewOf(pod.config!)).toEqual(before);
    await tenant.delete(OWN_KINDS.get('MailUser')!, { namespace: 'blue', name: 'thief' });
  });

  it('no one does it in another namespace, nor by a status', async () => {
    const refused = { status: 403 };
    await expect(apply(tenant, 'MailRelay', 'red', 'red', red.MailRelay)).rejects.toMatchObject(refused);
    await expect(apply(tenant, 'MailDomain', 'mail', 'attempt', red.MailDomain)).rejects.toMatchObject(
      refused,
    );
    await expect(tenant.get(SECRETS, { namespace: 'mail', name: 'mta-secrets-0' })).rejects.toMatchObject(
      refused,
    );

    const before = viewOf(pod.config!);
    await apply(tenant, 'MailDomain', 'blue', 'attempt', red.MailDomain);
    await verdictOf('MailDomain', 'blue', 'attempt');
    const status = { conditions: [condition('Accepted'), condition('Programmed')] };
    const kind = OWN_KINDS.get('MailDomain')!;
    const metadata = { namespace: 'blue', name: 'attempt' };
    await tenant.apply(kind, { metadata, status } as OwnObject, { subresource: 'status' });
    await waitFor('the status to say what is so', async () => {
      const { conditions } = (await client.get<OwnObject>(kind, metadata))!.status as {
        conditions: { type: string; status: string }[];
      };
      return conditions.every(
        ({ type, status: is }) => !['Accepted', 'Programmed'].includes(type) || is === 'False',
      );
    });
    expect(viewOf(pod.config!)).toEqual(before);
    await tenant.delete(OWN_KINDS.get('MailDomain')!, { namespace: 'blue', name: 'attempt' });
  });

  it('who is let in no more is out, and the others stay', async () => {
    const before = viewOf(pod.config!);
    const { spec } = (await client.get<OwnObject>(OWN_KINDS.get('MTA')!, FLEET))!;
    const grants = (spec!['attachment'] as { name: string }[]).filter(({ name }) => name === 'red');
    await client.patch(OWN_KINDS.get('MTA')!, FLEET, { spec: { attachment: grants } });
    await waitFor('blue to be out', async () => {
      const verdict = await verdictOf('MailDomain', 'blue', 'blue');
      return verdict?.reason === 'NotAllowedByMTA';
    });
    await waitFor('the pod to have it', () =>
      pod.config!.domains.every(({ domain }) => domain !== 'blue.example'),
    );
    expect(viewOf(pod.config!)).toEqual(before);
  });
});

const condition = (type: string) => ({
  ...{ type, status: 'True', reason: 'Accepted', message: 'so there' },
  ...{ observedGeneration: 1, lastTransitionTime: '2026-11-29T00:00:00Z' },
});
