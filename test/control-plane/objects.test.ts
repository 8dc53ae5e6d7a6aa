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
import type { KubeObject, ResourceType } from '../../operator/kube/resource.ts';
import {
  CONFIG_MAPS,
  DISRUPTION_BUDGETS,
  NAMESPACES,
  NETWORK_POLICIES,
  OWN_KINDS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../../operator/kube/resources.ts';
import { ConfigTooLarge, configObjects, identities } from '../../operator/objects/config.ts';
import type { Fleet, PodSettings } from '../../operator/objects/fleet.ts';
import { podTemplate } from '../../operator/objects/pod.ts';
import { disruptionBudget, networkPolicy, serviceAccount } from '../../operator/objects/policies.ts';
import { mailService, podsService } from '../../operator/objects/services.ts';
import { sharedVolume, statefulSet } from '../../operator/objects/stateful-set.ts';
import { testConfig } from '../support/config.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';

const GOLDEN = join(import.meta.dirname, '../../operator/compile/__golden__/full/input.yaml');
const PODS: ResourceType = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const settings: PodSettings = {
  image: 'postrider.example/mta:1',
  operator: { namespace: 'postrider', labels: { 'app.kubernetes.io/name': 'postrider-operator' } },
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
    fleets = await Promise.all(
      (['Shared', 'PerReplica'] as const).map(async (mode) => {
        const name = mode.toLowerCase();
        const spec = { ...manifest.spec, storage: { mode, size: '20Gi' } };
        const { metadata } = await client.apply(OWN_KINDS.get('MTA')!, {
          metadata: { namespace: 'mail', name },
          spec,
        } as KubeObject);
        return { namespace: 'mail', name, uid: metadata.uid!, spec: mta.spec.parse(spec) };
      }),
    );
  });
  afterAll(() => plane?.stop());

  const built = (fleet: Fleet): readonly (readonly [ResourceType, unknown])[] => [
    [SERVICE_ACCOUNTS, serviceAccount(fleet)],
    [SERVICES, mailService(fleet)],
    [SERVICES, podsService(fleet)],
    [DISRUPTION_BUDGETS, disruptionBudget(fleet)],
    [NETWORK_POLICIES, networkPolicy(fleet, settings)],
    [VOLUME_CLAIMS, sharedVolume(fleet)],
    [STATEFUL_SETS, statefulSet(fleet, settings, 3)],
  ];

  it('are taken as they are, and change nothing once they are there', async () => {
    for (const fleet of fleets) {
      for (const [type, object] of built(fleet)) {
        const first = await client.apply(type, object as KubeObject);
        expect(first).toMatchObject(object as object);
        // A claim is written once more the first time that it is applied as it is.
        const again = await client.apply(type, object as KubeObject);
        const third = await client.apply(type, object as KubeObject);
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
