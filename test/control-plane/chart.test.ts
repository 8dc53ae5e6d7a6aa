/** The chart, by Helm on a real API server: what it refuses, what it makes, and what becomes of the CRDs. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kinds } from '../../crds/kinds.ts';
import { renderCrd } from '../../crds/render.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject, ResourceType } from '../../operator/kube/resource.ts';
import { NAMESPACES, OWN_KINDS, PODS, SERVICES } from '../../operator/kube/resources.ts';
import { deployFiles } from '../../scripts/gen-deploy.ts';
import { temporaryFolder } from '../support/folders.ts';
import { waitFor } from '../support/wait.ts';
import { isForbidden } from './support/accounts.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { CRDS } from './support/crds.ts';
import { describeWithForeignCrds, installForeignCrds } from './support/foreign-crds.ts';
import {
  CHART,
  FOR,
  helm,
  helmOk,
  kubectlOk,
  type Manifest,
  manifestsIn,
  ROOT,
  rendered,
  sets,
} from './support/helm.ts';

const DEPLOYMENTS: ResourceType = {
  ...{ group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
};
const OPERATOR = { namespace: 'postrider-system', name: 'postrider-operator' };

const SERVICE_MONITORS: ResourceType = {
  ...{ group: 'monitoring.coreos.com', version: 'v1', plural: 'servicemonitors', kind: 'ServiceMonitor' },
  namespaced: true,
};

interface Monitor extends KubeObject {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly endpoints: readonly { readonly port: string }[];
  };
}

interface Service extends KubeObject {
  readonly spec: { readonly ports: readonly { readonly name: string }[] };
}

interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly metadata: object;
      readonly spec: {
        readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[];
        readonly topologySpreadConstraints?: readonly object[];
      };
    };
  };
}

const named = (manifests: readonly Manifest[], kind: string, name?: string): Manifest | undefined =>
  manifests.find((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
const deploymentOf = (manifests: readonly Manifest[]): Deployment =>
  named(manifests, 'Deployment') as unknown as Deployment;
const kindsOf = (manifests: readonly Manifest[]): string[] => [...new Set(manifests.map(({ kind }) => kind))];

describeWithControlPlane('the chart', () => {
  describe('without a cluster', () => {
    it('passes helm lint, with its own values and with all that can be chosen', async () => {
      await helmOk('lint', '--strict', ...FOR, CHART);
      const all = ['watchNamespace=mail', 'metrics.serviceMonitor.enabled=true', 'crds.keep=false'];
      await helmOk('lint', '--strict', ...FOR, CHART, ...sets(all));
    });

    it.each([
      ['replicas=0', 'replicas'],
      ['replicas=two', 'replicas'],
      ['replica=2', 'replica'],
      ['image.repository=', 'repository'],
      ['image.repository=Registry/Postrider', 'repository'],
      ['image.tag=latest!', 'tag'],
      ['image.digest=sha256:abc', 'digest'],
      ['image.pullPolicy=Sometimes', 'pullPolicy'],
      ['image.policy=Always', 'policy'],
      ['watchNamespace=Mail_Team', 'watchNamespace'],
      ['logLevel=verbose', 'logLevel'],
      ['crds.install=yes', 'install'],
      ['crds.enabled=true', 'enabled'],
      ['serviceAccount.create=false', 'name'],
      ['podDisruptionBudget.maxUnavailable=-1', 'maxUnavailable'],
      ['metrics.serviceMonitor.interval=often', 'interval'],
      ['metrics.enabled=false,metrics.serviceMonitor.enabled=true', 'enabled'],
      ['resources.limits.memory=lots', 'memory'],
      ['resources.limit.memory=1Gi', 'limit'],
      ['heapMiB=16', 'heapMiB'],
      ['priorityClassName=Very High', 'priorityClassName'],
      ['imagePullSecrets[0]=pull', 'imagePullSecrets'],
    ])('refuses %s, and says where it is wrong', async (value, says) => {
      const { code, stderr } = await helm('template', 'postrider', CHART, ...FOR, '--set', value);
      expect(code).not.toBe(0);
      expect(stderr).toContain('schema');
      expect(stderr).toContain(says);
    });

    it('does what its values say', async () => {
      const digest = `sha256:${'ab'.repeat(32)}`;
      const manifests = await rendered(
        ...['image.repository=registry.example/mail/postrider', 'image.tag=v7', `image.digest=${digest}`],
        ...[
          'replicas=3',
          'heapMiB=512',
          'logLevel=debug',
          'image.pullPolicy=Never',
          'priorityClassName=high',
        ],
        ...['podLabels.team=mail', 'podLabels.app\\.kubernetes\\.io/name=other', 'podAnnotations.a=b'],
        ...['imagePullSecrets[0].name=pull', 'nodeSelector.disk=fast', 'metrics.serviceMonitor.enabled=true'],
        ...['metrics.serviceMonitor.labels.release=prometheus', 'serviceAccount.name=op'],
        ...['podDisruptionBudget.maxUnavailable=50%'],
      );
      const { spec } = deploymentOf(manifests);
      const image = `registry.example/mail/postrider:v7@${digest}`;
      expect(spec).toMatchObject({
        replicas: 3,
        template: {
          metadata: {
            labels: { team: 'mail', 'app.kubernetes.io/name': 'postrider' },
            annotations: { a: 'b' },
          },
          spec: {
            ...{ serviceAccountName: 'op', priorityClassName: 'high', nodeSelector: { disk: 'fast' } },
            imagePullSecrets: [{ name: 'pull' }],
            containers: [{ image, imagePullPolicy: 'Never' }],
          },
        },
      });
      expect(spec.template.spec.containers[0]!.args).toEqual([
        ...['--max-old-space-size=512', '--max-semi-space-size=2', 'operator/main.js', `--image=${image}`],
        ...['--image-pull-policy=Never', '--log-level=debug'],
      ]);
      expect(named(manifests, 'ServiceAccount')?.metadata.name).toBe('op');
      expect(named(manifests, 'ServiceMonitor')?.metadata.labels).toMatchObject({ release: 'prometheus' });
      expect(named(manifests, 'PodDisruptionBudget')).toMatchObject({ spec: { maxUnavailable: '50%' } });
    });

    it('leaves out what is not wanted', async () => {
      const off = [
        ...['crds.install=false', 'rbac.create=false', 'rbac.aggregate=false', 'metrics.enabled=false'],
        ...['podDisruptionBudget.enabled=false', 'serviceAccount.create=false', 'serviceAccount.name=op'],
      ];
      expect(kindsOf(await rendered(...off))).toEqual(['Deployment']);
    });

    it('has no role of the whole cluster for an operator of one namespace', async () => {
      const manifests = await rendered('watchNamespace=mail', 'rbac.aggregate=false', 'crds.install=false');
      expect(kindsOf(manifests).filter((kind) => kind.startsWith('Cluster'))).toEqual([]);
      const roles = manifests.filter(({ kind }) => kind === 'Role');
      expect(roles.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort()).toEqual([
        ...['mail/postrider-operator', 'postrider-system/postrider-operator-lease'],
      ]);
      expect(deploymentOf(manifests).spec.template.spec.containers[0]!.args).toContain('--namespace=mail');
    });

    it('has no wildcard in any role', async () => {
      for (const values of [[], ['watchNamespace=mail']]) {
        const roles = (await rendered(...values)).filter(({ kind }) => kind.endsWith('Role'));
        expect(roles.length).toBeGreaterThan(3);
        expect(JSON.stringify(roles)).not.toContain('"*"');
      }
    });

    it('brings the CRDs as they are generated', async () => {
      const manifests = await rendered();
      for (const kind of kinds) {
        const crd = renderCrd(kind) as unknown as Manifest;
        const found = named(manifests, 'CustomResourceDefinition', crd.metadata.name);
        expect(found).toMatchObject(crd);
        expect(found?.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
      }
      const gone = named(await rendered('crds.keep=false'), 'CustomResourceDefinition');
      expect(gone?.metadata.annotations).toBeUndefined();
    });

    it('is what deploy/ was made from: npm run gen', () => {
      const files = [...deployFiles(ROOT)];
      expect(files.length).toBe(2);
      for (const [path, text] of files) expect(readFileSync(join(ROOT, path), 'utf8'), path).toBe(text);
    });
  });

  describe('on a cluster', () => {
    let plane: ControlPlane;
    let client: KubeClient;
    let on: string[];

    beforeAll(async () => {
      plane = await startControlPlane();
      client = plane.client();
      on = ['--kubeconfig', plane.kubeconfig(), '-n', OPERATOR.namespace];
      await client.create(NAMESPACES, {
        metadata: {
          name: OPERATOR.namespace,
          labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
        },
      });
      await client.create(NAMESPACES, { metadata: { name: 'mail' } });
    });
    afterAll(() => plane?.stop());

    const get = <T extends KubeObject>(type: ResourceType, name: { namespace?: string; name: string }) =>
      client.get<T>(type, name);
    const mtaCrd = () =>
      get<KubeObject & { spec: { versions: { schema: { openAPIV3Schema: { description: string } } }[] } }>(
        ...([CRDS, { name: 'mtas.postrider.dev' }] as const),
      );
    const theMta = () => get(OWN_KINDS.get('MTA')!, { namespace: 'mail', name: 'mx' });

    it('is installed, and says what to do next', async () => {
      const says = await helmOk('install', 'postrider', CHART, ...on);
      expect(says).toContain('kubectl -n postrider-system rollout status deployment/postrider-operator');
      expect(says).toContain('all namespaces');
      const deployment = await get<Deployment>(DEPLOYMENTS, OPERATOR);
      expect(deployment?.spec.replicas).toBe(2);
      // What it says is what works.
      const manifests = says.slice(says.indexOf("<<'MANIFESTS'\n") + 14, says.lastIndexOf('  MANIFESTS\n'));
      await waitFor('the kinds to be served', () =>
        kubectlOk(['--kubeconfig', plane.kubeconfig(), 'get', 'postrider', '-A']),
      );
      await kubectlOk(
        ['--kubeconfig', plane.kubeconfig(), 'apply', '-n', 'mail', '-f', '-'],
        manifests.replaceAll(/^ {2}/gm, ''),
      );
      expect(await theMta()).toBeDefined();
    });

    it('has pods that the strictest Pod Security Standard admits', async () => {
      const { spec } = (await get<Deployment>(DEPLOYMENTS, OPERATOR))!.spec.template;
      const metadata = { namespace: OPERATOR.namespace, name: 'as-the-deployment-makes-them' };
      await client.create(PODS, { metadata, spec } as KubeObject);
      // That the namespace does enforce it:
      const { securityContext: _, ...container } = spec.containers[0]! as {
        securityContext?: object;
      } & object;
      const lax = { metadata: { ...metadata, name: 'lax' }, spec: { ...spec, containers: [container] } };
      await expect(client.create(PODS, lax as KubeObject)).rejects.toSatisfy(isForbidden);
    });

    it('upgrades the CRDs with itself, and leaves what there is of our kinds', async () => {
      const next = join(temporaryFolder('chart'), 'postrider');
      cpSync(CHART, next, { recursive: true });
      const file = join(next, 'files/crds/postrider.dev_mtas.yaml');
      const before = parse(readFileSync(file, 'utf8')) as { spec: { versions: object[] } };
      const text = readFileSync(file, 'utf8').replace(
        'A fleet of mail servers:',
        'A fleet of better servers:',
      );
      expect(parse(text)).not.toEqual(before);
      writeFileSync(file, text);
      await helmOk('upgrade', 'postrider', next, ...on);
      const description = (await mtaCrd())?.spec.versions[0]?.schema.openAPIV3Schema.description;
      expect(description).toContain('A fleet of better servers:');
      expect(await theMta()).toBeDefined();
    });

    it('leaves the CRDs, and with them every resource, when it is uninstalled', async () => {
      await helmOk('uninstall', 'postrider', ...on);
      expect(await get(DEPLOYMENTS, OPERATOR)).toBeUndefined();
      expect((await mtaCrd())?.metadata.deletionTimestamp).toBeUndefined();
      expect(await theMta()).toBeDefined();
    });

    it('takes them up again', async () => {
      await helmOk('install', 'postrider', CHART, ...on);
      const description = (await mtaCrd())?.spec.versions[0]?.schema.openAPIV3Schema.description;
      expect(description).toContain('A fleet of mail servers:');
      expect(await theMta()).toBeDefined();
    });

    describeWithForeignCrds('for Prometheus', () => {
      it('has a ServiceMonitor that finds the Service of the metrics', async () => {
        await installForeignCrds(client);
        await helmOk('upgrade', 'postrider', CHART, ...on, '--set', 'metrics.serviceMonitor.enabled=true');
        const monitor = await get<Monitor>(SERVICE_MONITORS, OPERATOR);
        const labels = Object.entries(monitor!.spec.selector.matchLabels).map((label) => label.join('='));
        const { items } = await client.list<Service>(SERVICES, {
          ...{ namespace: OPERATOR.namespace, labelSelector: labels.join(',') },
        });
        expect(items.map(({ metadata }) => metadata.name)).toEqual(['postrider-operator-metrics']);
        expect(items[0]!.spec.ports.map(({ name }) => name)).toEqual(
          monitor!.spec.endpoints.map(({ port }) => port),
        );
      });
    });

    it('takes the CRDs with it where that is asked for', async () => {
      await helmOk('upgrade', 'postrider', CHART, ...on, '--set', 'crds.keep=false');
      await helmOk('uninstall', 'postrider', ...on);
      await waitFor('the CRD to be gone', async () => (await mtaCrd()) === undefined);
    });
  });

  describe('as manifests for kubectl', () => {
    const folder = (name: string) => join(ROOT, 'deploy', name);

    it.each([
      ['cluster-wide', 'ClusterRoleBinding'],
      ['namespaced', 'RoleBinding'],
    ])('%s is whole', async (name, binding) => {
      const manifests = manifestsIn(await kubectlOk(['kustomize', folder(name)]));
      expect(kindsOf(manifests)).toEqual(
        expect.arrayContaining(['Namespace', 'CustomResourceDefinition', 'Deployment', binding]),
      );
      expect(JSON.stringify(manifests)).not.toMatch(/helm/i);
    });

    it('can be given another image and another namespace, as its README says', async () => {
      const overlay = temporaryFolder('overlay');
      const text = /```yaml\n([\s\S]*?)```/.exec(readFileSync(folder('README.md'), 'utf8'))![1]!;
      cpSync(folder('namespaced'), join(overlay, 'deploy/namespaced'), { recursive: true });
      cpSync(join(ROOT, 'crds'), join(overlay, 'crds'), { recursive: true });
      const path = 'resources:\n  - ../postrider/deploy/cluster-wide\n';
      expect(text).toContain(path);
      writeFileSync(
        join(overlay, 'kustomization.yaml'),
        text.replace(path, 'namespace: mail\nresources:\n  - deploy/namespaced\n'),
      );
      const manifests = manifestsIn(await kubectlOk(['kustomize', overlay]));
      const { containers } = deploymentOf(manifests).spec.template.spec;
      expect(containers[0]!.image).toBe('registry.example/postrider:0.1.0');
      expect(containers[0]!.args).toEqual([
        ...['--max-old-space-size=256', '--max-semi-space-size=2'],
        ...['operator/main.js', '--image=registry.example/postrider:0.1.0'],
        ...['--image-pull-policy=IfNotPresent', '--namespace=$(POD_NAMESPACE)', '--log-level=info'],
      ]);
      const namespaces = manifests.flatMap(({ metadata }) => metadata.namespace ?? []);
      expect(new Set(namespaces)).toEqual(new Set(['mail']));
      expect(named(manifests, 'RoleBinding')).toMatchObject({ subjects: [{ namespace: 'mail' }] });
    });
  });
}, ['kubectl', 'helm']);
