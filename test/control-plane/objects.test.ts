/** What is built for a fleet, as a real API server takes it: valid, admitted, and the same after it was stored. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { mta } from '../../crds/mta.ts';
import type { Domain, MtaConfig } from '../../mta/config.ts';
import { joinConfig } from '../../mta/config-parts.ts';
import { systemRandom } from '../../mta/random.ts';
import { decide, issue } from '../../operator/certificates/authorities.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { isAsDesired, withDigest } from '../../operator/kube/desired.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import {
  CONFIG_MAPS,
  NAMESPACES,
  OPTIONAL,
  OWN_KINDS,
  PODS,
  SECRETS,
} from '../../operator/kube/resources.ts';
import { ConfigTooLarge, configObjects, identities } from '../../operator/objects/config.ts';
import type { Fleet, PodSettings } from '../../operator/objects/fleet.ts';
import { objectsOf } from '../../operator/objects/objects.ts';
import { podTemplate } from '../../operator/objects/pod.ts';
import { testConfig } from '../support/config.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';

const GOLDEN = join(import.meta.dirname, '../../operator/compile/__golden__/full/input.yaml');
const settings: PodSettings = {
  image: 'postrider.example/mta:1',
  operator: { namespace: 'postrider', labels: { 'app.kubernetes.io/name': 'postrider-operator' } },
};

/** All that an MTA may say of its pods and Services, written as people write it, not as the API server does. */
const shape = {
  services: [
    {
      ...{
        name: 'public',
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        loadBalancerClass: 'lb.example/a',
      },
      loadBalancerSourceRanges: ['192.0.2.0/24', '198.51.100.7'],
      ...{ labels: { team: 'mail' }, annotations: { 'lb.example/name': 'mail' } },
      listeners: [{ name: 'smtp', port: 25, nodePort: 30025 }],
    },
    { name: 'inside', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] },
    { name: 'nodes', type: 'NodePort' },
  ],
  image: { name: 'registry.example/mta:2', pullPolicy: 'Always', pullSecrets: [{ name: 'registry' }] },
  resources: { requests: { cpu: '1000m', memory: '1024Mi' }, limits: { memory: '2.5Gi', cpu: 4 } },
  metrics: {
    from: [
      { namespaceSelector: { matchLabels: { name: 'monitoring' } }, podSelector: {} },
      { podSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] } },
      { ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.1'] } },
    ],
  },
  podTemplate: {
    metadata: { labels: { team: 'mail' }, annotations: { 'sidecar.example/inject': 'no' } },
    spec: {
      ...{ priorityClassName: '', nodeSelector: {}, tolerations: [{ key: 'mail', operator: 'Exists' }] },
      topologySpreadConstraints: [
        {
          ...{ topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 },
          labelSelector: { matchLabels: { 'app.kubernetes.io/instance': 'shaped' } },
        },
      ],
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '1024Mi' } }],
      containers: [
        {
          name: 'mta',
          volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
          env: [{ name: 'TZ', value: 'UTC' }],
        },
        {
          ...{ name: 'log', image: 'log:1', resources: { requests: { cpu: '0.25', memory: '65536Ki' } } },
          securityContext: {
            ...{ allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 10_002 },
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  },
};

describeWithControlPlane('the objects of a fleet', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let fleets: readonly Fleet[];

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    await installCrds(client);
    const labels = {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'latest',
    };
    await client.create(NAMESPACES, { metadata: { name: 'mail', labels } });
    const manifest = parseAllDocuments(readFileSync(GOLDEN, 'utf8'))[0]!.toJS() as { spec: object };
    const variants = {
      shared: { storage: { mode: 'Shared', size: '20Gi' } },
      perreplica: { storage: { mode: 'PerReplica', size: '20Gi' } },
      shaped: { storage: { mode: 'Shared', size: '20Gi' }, ...shape },
    };
    fleets = await Promise.all(
      Object.entries(variants).map(async ([name, more]) => {
        const spec = { ...manifest.spec, ...more };
        const { metadata } = await client.apply(OWN_KINDS.get('MTA')!, {
          metadata: { namespace: 'mail', name },
          spec,
        } as KubeObject);
        return { namespace: 'mail', name, uid: metadata.uid!, spec: mta.spec.parse(spec) };
      }),
    );
  });
  afterAll(() => plane?.stop());

  /** What goes by the API server's own types; those of others are in shape.test.ts. */
  const built = (fleet: Fleet) => {
    const { before, after } = objectsOf(fleet, settings, { certificates: [], isWhole: true, replicas: 3 });
    return [...before, ...after].filter(({ type }) => !OPTIONAL.has(type));
  };

  it('are taken as they are, and change nothing once they are there', async () => {
    for (const fleet of fleets) {
      for (const { type, object } of built(fleet)) {
        const desired = withDigest(object);
        const first = await client.apply(type, desired);
        expect(isAsDesired(desired, first), `${type.kind} ${object.metadata.name}`).toBe(true);
        // A claim is written once more the first time that it is applied as it is.
        const again = await client.apply(type, desired);
        const third = await client.apply(type, desired);
        expect(third.metadata.resourceVersion, type.kind).toBe(again.metadata.resourceVersion);
      }
    }
  });

  it('have pods that a namespace with the standard "restricted" admits', async () => {
    for (const fleet of fleets) {
      const { metadata, spec } = podTemplate(fleet, settings);
      const volumes = spec!.volumes!;
      const queue = fleet.spec.storage.mode === 'PerReplica' ? [{ name: 'queue', emptyDir: {} }] : [];
      const pod = {
        metadata: { namespace: 'mail', name: `${fleet.name}-0`, labels: metadata!.labels! },
        spec: { ...spec, volumes: [...volumes, ...queue] },
      };
      await client.create(PODS, pod as KubeObject);
    }
  });

  const withDomains = (count: number, size: number): MtaConfig => {
    const config = testConfig(
      '/somewhere',
      { smtp: 1, submission: 2, health: 3, control: 4 },
      { revision: 7 },
    );
    const domains = Array.from({ length: count }, (_, i): Domain => {
      const domain = `domain-${i}.example`;
      return {
        ...{ resource: `MailDomain/mail/domain-${i}`, domain, aliases: [], trusted: true },
        target: { type: 'lmtp', hosts: [{ host: 'inbox.example', port: 24 }] },
        recipients: { mode: 'list', list: [`ü${'x'.repeat(size)}`] },
      };
    });
    const keys = domains.map(({ domain }) => [`key/${domain}`, 'k'.repeat(size)] as const);
    return { ...config, domains, secrets: { ...config.secrets, ...Object.fromEntries(keys) } };
  };

  it('hold the config of 5,000 domains with their keys, in pieces that the API server takes', async () => {
    const config = withDomains(5000, 1700);
    const { configMaps, secrets } = configObjects(fleets[0]!, config);
    expect(configMaps.length).toBeGreaterThan(10);
    const files = new Map<string, string>();
    for (const object of configMaps) {
      const { data } = (await client.apply(CONFIG_MAPS, object as KubeObject)) as typeof object;
      for (const [name, text] of Object.entries(data!)) files.set(name, text);
    }
    for (const object of secrets) {
      const { data } = (await client.apply(SECRETS, object as KubeObject)) as typeof object;
      for (const [name, text] of Object.entries(data!))
        files.set(name, Buffer.from(text, 'base64').toString());
    }
    expect(joinConfig((name) => files.get(name))).toEqual(config);
  });

  it('are refused where there would be too many', () => {
    expect(() => configObjects(fleets[0]!, withDomains(5000, 6000))).toThrow(ConfigTooLarge);
  });

  it('say who each pod is', async () => {
    const now = Date.now();
    const { signer } = decide([], 'shared', now, systemRandom);
    const members = new Map(
      ['shared-0', 'shared-1'].map((name) => [name, issue(`${name}.x`, signer, now, systemRandom)] as const),
    );
    const { data } = (await client.apply(
      SECRETS,
      identities(fleets[0]!, members, signer.certificate) as KubeObject,
    )) as unknown as { data: Record<string, string> };
    expect(Object.keys(data).sort()).toEqual([
      'ca.crt',
      'shared-0.crt',
      'shared-0.key',
      'shared-1.crt',
      'shared-1.key',
    ]);
  });
});
