import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { GROUP } from '../../crds/kind.ts';
import { kinds } from '../../crds/kinds.ts';
import { renderCrd } from '../../crds/render.ts';
import { badMtaNames, brokenRules } from '../../crds/testing/broken-rules.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { NAMESPACES, OWN_KINDS } from '../../operator/kube/resources.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { CRDS, installCrds } from './support/crds.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Custom extends KubeObject {
  readonly spec: Record<string, unknown>;
}

/** Every manifest of our kinds in the examples and in compile's tests that are good as they are. */
function goodManifests(): (readonly [name: string, manifest: Custom])[] {
  const example = join(ROOT, 'examples/quickstart');
  const files = [
    ...readdirSync(example).map((name) => join(example, name)),
    ...['full', 'relay-order', 'tenants', 'tls'].map((name) =>
      join(ROOT, 'operator/compile/__golden__', name, 'input.yaml'),
    ),
  ];
  return files
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(file, 'utf8'))
        .map((document) => document.toJS() as Custom | null)
        .filter((manifest) => manifest !== null && OWN_KINDS.has(manifest.kind ?? ''))
        .map((manifest) => {
          const { kind, metadata } = manifest!;
          const { name, namespace = 'default' } = metadata;
          const where = file.slice(ROOT.length + 1);
          const object = { ...manifest!, metadata: { name, namespace } };
          return [`${kind} ${namespace}/${name} of ${where}`, object] as const;
        }),
    );
}

describeWithControlPlane('the API server', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let made = 0;

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    await installCrds(client);
    const namespaces = new Set(goodManifests().map(([, { metadata }]) => metadata.namespace!));
    for (const name of namespaces) {
      if (name !== 'default') await client.create(NAMESPACES, { metadata: { name } });
    }
  });
  afterAll(() => plane?.stop());

  const objectOf = (kind: string, spec: object, name?: string): Custom => {
    made += 1;
    return {
      ...{ apiVersion: `${GROUP}/v1alpha1`, kind },
      metadata: { namespace: 'default', name: name ?? `made-${made}` },
      spec: spec as Record<string, unknown>,
    };
  };

  it.each(kinds.map((kind) => [kind.kind, kind] as const))(
    'takes %s as it was rendered',
    async (_name, kind) => {
      const applied = renderCrd(kind) as { spec: { versions: { schema: unknown }[] } };
      const found = await client.get<KubeObject & typeof applied>(CRDS, { name: `${kind.plural}.${GROUP}` });
      expect(found?.spec.versions[0]?.schema).toEqual(applied.spec.versions[0]?.schema);
    },
  );

  it.each(brokenRules.map((broken) => [`${broken.kind}: ${broken.message}`, broken] as const))(
    'refuses %s',
    async (_name, { kind, message, spec }) => {
      const refused = await client
        .create(OWN_KINDS.get(kind)!, objectOf(kind, spec))
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ status: 422, reason: 'Invalid' });
      expect(String((refused as Error).message)).toContain(message);
    },
  );

  it.each(goodManifests())('takes %s, with the defaults that compile has', async (_name, manifest) => {
    const { kind = '' } = manifest;
    const { spec } = kinds.find((each) => each.kind === kind)!;
    const created = await client.apply<Custom>(OWN_KINDS.get(kind)!, manifest);
    expect(created.spec).toEqual(JSON.parse(JSON.stringify(spec.parse(manifest.spec))));
  });

  it('refuses an MTA of whose name those of pods and Services could not be made', async () => {
    const [, good] = goodManifests().find(([, { kind }]) => kind === 'MTA')!;
    for (const name of badMtaNames) {
      const refused = client.create(OWN_KINDS.get('MTA')!, objectOf('MTA', good.spec, name));
      await expect(refused).rejects.toThrow('the name must begin with a letter, have no dots');
    }
    await client.create(OWN_KINDS.get('MTA')!, objectOf('MTA', good.spec, 'm'.repeat(52)));
  });

  it('keeps the storage mode of a fleet as it is', async () => {
    const [, good] = goodManifests().find(([, { kind }]) => kind === 'MTA')!;
    const object = objectOf('MTA', { ...good.spec, storage: { mode: 'Shared' } });
    await client.apply(OWN_KINDS.get('MTA')!, object);
    const changed = client.apply(OWN_KINDS.get('MTA')!, {
      ...object,
      spec: { ...object.spec, storage: { mode: 'PerReplica' } },
    } as Custom);
    await expect(changed).rejects.toThrow('the storage mode of a fleet can not be changed');
  });

  it('scales an MTA by its scale subresource', async () => {
    const [, good] = goodManifests().find(([, { kind }]) => kind === 'MTA')!;
    const type = OWN_KINDS.get('MTA')!;
    const { metadata } = await client.apply(type, objectOf('MTA', { ...good.spec, replicas: 1 }));
    const path = `/apis/${GROUP}/v1alpha1/namespaces/default/mtas/${metadata.name}/scale`;
    const ask = plane.transport();
    const { status, body } = await ask({
      ...{ method: 'PATCH', path, contentType: 'application/merge-patch+json' },
      ...{ body: JSON.stringify({ spec: { replicas: 3 } }), signal: AbortSignal.timeout(10_000) },
    });
    body.resume();
    expect(status).toBe(200);
    const scaled = await client.get<Custom>(type, metadata);
    expect(scaled?.spec['replicas']).toBe(3);
  });

  it('writes nothing where an apply changes nothing', async () => {
    const [, good] = goodManifests().find(([, { kind }]) => kind === 'MailUser')!;
    const object = objectOf('MailUser', good.spec);
    const type = OWN_KINDS.get('MailUser')!;
    const first = await client.apply(type, object);
    const again = await client.apply(type, object);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});
