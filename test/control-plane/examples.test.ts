/** Each folder of examples/, applied as its README says, on a control plane with pods that are stand-ins. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { API_VERSION } from '../../crds/kind.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { OwnObject } from '../../operator/controllers/watched.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { type KubeObject, keyOf } from '../../operator/kube/resource.ts';
import { CONFIG_MAPS, NAMESPACES, OWN_KINDS } from '../../operator/kube/resources.ts';
import { describeWith } from '../support/debian.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { bringSecrets, EXAMPLES } from './support/examples.ts';
import { describeWithForeignCrds, installForeignCrds } from './support/foreign-crds.ts';
import { argoHealth, fluxChecks, fluxHealth } from './support/gitops.ts';
import { kubectlOk, type Manifest, manifestsIn } from './support/helm.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
}

type Fleet = Manifest & { readonly spec: { readonly replicas: number } };

it('every example is in the list, with a README and a kustomization', () => {
  const list = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
  const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.length).toBe(7);
  for (const { name } of folders) {
    expect(list).toContain(`(${name}/`);
    if (name === 'quickstart') continue;
    expect(readdirSync(join(EXAMPLES, name))).toEqual(
      expect.arrayContaining(['README.md', 'kustomization.yaml']),
    );
  }
});

describeWithControlPlane('the examples', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let operator: Operator;
  /** By namespace and name. */
  const pods = new Map<string, StandIn>();

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    await installCrds(client);
    operator = await runOperator(plane.transport(), {
      addressOf: ({ metadata }) => pods.get(keyOf(metadata))?.address,
    });
  });
  afterAll(async () => {
    await operator?.stop();
    await Promise.all(Array.from(pods.values(), (pod) => pod.stop()));
    await plane?.stop();
  });

  const applied = async (example: string): Promise<Manifest[]> => {
    const folder = join(EXAMPLES, example);
    await kubectlOk(['--kubeconfig', plane.kubeconfig(), 'apply', '--server-side', '-k', folder]);
    return manifestsIn(await kubectlOk(['kustomize', folder]));
  };

  async function standIn(fleet: { namespace: string; name: string }, ordinal: number): Promise<void> {
    const name = `${fleet.name}-${ordinal}`;
    const pod = new StandIn(client, fleet, name);
    pods.set(keyOf({ ...fleet, name }), pod);
    await pod.start();
  }

  async function becomesReady({ kind, metadata: { namespace, name } }: Manifest): Promise<void> {
    let conditions: readonly Condition[] = [];
    await waitFor(
      `${kind} ${name} to be ready`,
      async () => {
        const found = await client.get<OwnObject>(OWN_KINDS.get(kind)!, { namespace, name });
        conditions = (found?.status?.['conditions'] ?? []) as readonly Condition[];
        return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      },
      { timeoutMs: 30_000, everyMs: 100 },
    ).catch((error: unknown) => {
      throw new Error(JSON.stringify(conditions, null, 2), { cause: error });
    });
    const bad = conditions.filter(
      ({ type, status }) => ['Accepted', 'ResolvedRefs', 'Programmed'].includes(type) && status !== 'True',
    );
    expect(bad).toEqual([]);
  }

  it.each([
    ['cluster-relay', 4],
    ['inbound-lmtp', 3],
    ['inbound-webhook', 2],
    ['many-tenants', 7],
  ])('%s: all of it is accepted, programmed and ready', async (example, count) => {
    await bringSecrets(client, example);
    const manifests = await applied(example);
    const own = manifests.filter(({ apiVersion }) => apiVersion === API_VERSION);
    expect(own).toHaveLength(count);
    for (const { metadata, spec } of own.filter(({ kind }) => kind === 'MTA') as Fleet[]) {
      const fleet = { namespace: metadata.namespace!, name: metadata.name };
      await Promise.all(Array.from({ length: spec.replicas }, (_, ordinal) => standIn(fleet, ordinal)));
    }
    for (const object of own) await becomesReady(object);
  });

  it('many-tenants: what a tenant was not given is refused', async () => {
    const metadata = { namespace: 'blog', name: 'greedy' };
    const [manifest] = parseAllDocuments(
      readFileSync(join(EXAMPLES, 'many-tenants/blog/mail.yaml'), 'utf8'),
    ).map((document) => document.toJS() as Manifest & { spec: object });
    const type = OWN_KINDS.get('MailDomain')!;
    await client.apply(type, { metadata, spec: { ...manifest!.spec, domain: 'shop.example' } } as OwnObject);
    const refused = await waitFor('the refusal', async () => {
      const { status } = (await client.get<OwnObject>(type, metadata))!;
      const conditions = (status?.['conditions'] ?? []) as (Condition & { reason: string })[];
      return conditions.find(({ type: is, status: value }) => is === 'Accepted' && value === 'False');
    });
    expect(refused.reason).toBe('DomainNotAllowed');
  });

  describe('of GitOps', () => {
    /** `mail/one`, in each state that the tools tell apart. */
    const states: Record<string, OwnObject> = {};
    const type = OWN_KINDS.get('MailDomain')!;
    const get = async (name: string) => ({
      ...(await client.get<OwnObject>(type, { namespace: 'gitops', name }))!,
      kind: 'MailDomain',
    });

    beforeAll(async () => {
      await client.create(NAMESPACES, { metadata: { name: 'gitops' } });
      const apply = (kind: string, name: string, spec: object) =>
        client.apply(OWN_KINDS.get(kind)!, { metadata: { namespace: 'gitops', name }, spec } as OwnObject);
      const domain = (name: string, mta: string) =>
        apply('MailDomain', name, {
          ...{ mtaRefs: [{ name: mta }], domain: `${name}.example.test` },
          target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox.example' }] } },
        });
      for (const name of ['mta', 'without-pods']) {
        await apply('MTA', name, {
          hostname: `${name}.example.test`,
          listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
        });
      }
      await domain('ready', 'mta');
      await domain('waits', 'without-pods');
      await domain('refused', 'nowhere');
      await standIn({ namespace: 'gitops', name: 'mta' }, 0);
      await becomesReady({
        apiVersion: API_VERSION,
        kind: 'MailDomain',
        metadata: (await get('ready')).metadata,
      });
      for (const name of ['waits', 'refused']) {
        await waitFor(`a status of ${name}`, async () => (await get(name)).status !== undefined);
      }
      for (const name of ['ready', 'waits', 'refused']) states[name] = await get(name);
      const { status: _, ...unseen } = states['ready']!;
      const { metadata } = unseen;
      states['unseen'] = unseen;
      states['outdated'] = {
        ...states['ready']!,
        metadata: { ...metadata, generation: metadata.generation! + 1 },
      };
    });

    it('Flux knows what state a resource is in', () => {
      const found = Object.fromEntries(
        Object.entries(states).map(([name, object]) => [name, fluxHealth(object)]),
      );
      expect(found).toEqual({
        ...{ ready: 'Current', waits: 'InProgress', refused: 'Failed' },
        ...{ unseen: 'InProgress', outdated: 'InProgress' },
      });
    });

    describeWith(['lua5.1'], 'Argo CD', () => {
      it.each([
        ['ready', 'Healthy', 'every serving pod has loaded it'],
        ['waits', 'Progressing', 'No pod of the fleet serves'],
        ['refused', 'Degraded', 'There is no MTA gitops/nowhere'],
        ['unseen', 'Progressing', 'has not looked at it yet'],
        ['outdated', 'Progressing', 'has not looked at this generation'],
      ])('knows that a resource in state %s is %s', async (name, status, says) => {
        const health = await argoHealth(states[name]!);
        expect(health.status).toBe(status);
        expect(health.message).toContain(says);
      });
    });

    it('there is a check for every kind', async () => {
      const argo = manifestsIn(await kubectlOk(['kustomize', join(EXAMPLES, 'gitops-argocd')]));
      const map = argo.find(({ kind }) => kind === 'ConfigMap') as Manifest & { data: object };
      const kindNames = [...OWN_KINDS.keys()];
      expect(Object.keys(map.data).sort()).toEqual(
        kindNames.map((kind) => `resource.customizations.health.postrider.dev_${kind}`).sort(),
      );
      expect(fluxChecks().map(({ kind, apiVersion }) => `${apiVersion} ${kind}`)).toEqual(
        kindNames.map((kind) => `${API_VERSION} ${kind}`),
      );
    });

    describeWithForeignCrds('their own resources', () => {
      it('Argo CD has none with a field that it does not know, and keeps what its ConfigMap had', async () => {
        await installForeignCrds(client);
        await client.create(NAMESPACES, { metadata: { name: 'argocd' } });
        const name = { namespace: 'argocd', name: 'argocd-cm' };
        const data = { url: 'https://argo.example' };
        await client.create(CONFIG_MAPS, { metadata: name, data } as KubeObject);
        await applied('gitops-argocd');
        const map = await client.get<KubeObject & { data: Record<string, string> }>(CONFIG_MAPS, name);
        expect(map?.data).toMatchObject(data);
        expect(map?.data['resource.customizations.health.postrider.dev_MTA']).toContain('return');
      });

      it('Flux has none with a field that it does not know', async () => {
        await installForeignCrds(client);
        await client.create(NAMESPACES, { metadata: { name: 'flux-system' } });
        expect((await applied('gitops-flux')).map(({ kind }) => kind).sort()).toEqual([
          ...['GitRepository', 'GitRepository', 'HelmRelease', 'Kustomization'],
        ]);
      });
    });
  });
}, ['kubectl']);
