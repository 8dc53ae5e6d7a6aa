/** What an MTA says of its pods and Services, as the operator makes it so, and what it says where that can't be had. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import { systemRandom } from '../../mta/random.ts';
import { decide, issue } from '../../operator/certificates/authorities.ts';
import type { SecretObject } from '../../operator/controllers/watched.ts';
import { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import {
  CERTIFICATES,
  OWN_KINDS,
  POD_MONITORS,
  PROMETHEUS_RULES,
  SECRETS,
  SERVICES,
  STATEFUL_SETS,
  VOLUME_CLAIMS,
} from '../../operator/kube/resources.ts';
import type { Certificate, Service, StatefulSet } from '../../operator/kube/types.ts';
import { waitFor } from '../support/wait.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { describeWithForeignCrds, installForeignCrds } from './support/foreign-crds.ts';
import { Operated, SMTP_LISTENER, WELL } from './support/operated.ts';

const NAMESPACE = 'mail';
const MTA = OWN_KINDS.get('MTA')!;

describeWithForeignCrds('the shape of a fleet', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let operated: Operated;
  let name = '';
  let made = 0;

  beforeAll(async () => {
    plane = await startControlPlane();
    operated = await Operated.start(plane);
    ({ client } = operated);
  });
  afterAll(async () => {
    await operated?.stop();
    await plane?.stop();
  });
  beforeEach(() => {
    made += 1;
    name = `mta${made}`;
  });

  const apply = (spec: object) => operated.apply(name, spec);
  const becomes = (wanted: string, timeoutMs?: number) => operated.becomes(name, wanted, timeoutMs);
  const containersOf = async () => {
    const { spec } = (await operated.get<StatefulSet>(STATEFUL_SETS, name))!;
    return spec!.template.spec!.containers.map((container) => container.name);
  };

  it('is what it says, also where it is applied under the name of the operator', async () => {
    const deps = { transport: plane.transport(), clock: systemClock, fieldManager: 'postrider' };
    const spec = { hostname: 'mail.example.test', listeners: [SMTP_LISTENER], workers: 2 };
    await new KubeClient(deps).apply(MTA, { metadata: { namespace: NAMESPACE, name }, spec } as KubeObject);
    await operated.there(STATEFUL_SETS, name);
    expect(await operated.get(MTA, name)).toMatchObject({
      ...{ spec: { workers: 2 }, metadata: { finalizers: ['postrider.dev/mail'] } },
    });
  });

  it('has the Services that it names, and no longer the ones that it does not', async () => {
    await apply({});
    await operated.there(SERVICES, name);
    const { metadata } = (await operated.get(SERVICES, name))!;
    // One that looks like ours, and isn't.
    const ports = [{ port: 25 }];
    const labels = metadata.labels!;
    await client.apply(SERVICES, {
      ...{ metadata: { namespace: NAMESPACE, name: `${name}-theirs`, labels }, spec: { ports } },
    } as KubeObject);

    const both = [
      { name: 'public', type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
      { name: 'inside' },
    ];
    await apply({ services: both });
    const { spec } = await operated.there<Service>(SERVICES, `${name}-public`);
    expect(spec).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    expect(spec!.ports).toMatchObject([{ port: 25, targetPort: 2525 }]);
    await operated.there(SERVICES, `${name}-inside`);
    await operated.gone(SERVICES, name);

    await apply({ services: both.slice(0, 1) });
    await operated.gone(SERVICES, `${name}-inside`);
    await apply({});
    await operated.there(SERVICES, name);
    await operated.gone(SERVICES, `${name}-public`);
    for (const [type, object] of [
      [SERVICES, `${name}-theirs`],
      [SERVICES, `${name}-pods`],
      [VOLUME_CLAIMS, `${name}-queue`],
      [SECRETS, `${name}-authority`],
      [SECRETS, `${name}-identities`],
    ] as const) {
      expect(await operated.get(type, object), object).toBeDefined();
    }
  });

  it('is told what of its podTemplate can not be, and keeps the pods that it has', async () => {
    await apply({});
    await operated.there(STATEFUL_SETS, name);
    const sidecar = { containers: [{ name: 'log', image: 'log:1' }] };
    await apply({ podTemplate: { spec: { ...sidecar, serviceAccountName: 'admin' } } });
    const { message } = await becomes('Accepted=False/PodTemplateRefused');
    expect(message).toContain(
      'spec.podTemplate.spec.serviceAccountName: pods run under an account of their own',
    );
    expect(await containersOf()).toEqual(['mta']);
    await apply({ podTemplate: { spec: sidecar } });
    await becomes(WELL);
    await waitFor('the second container', async () => (await containersOf()).includes('log'));
    const { spec } = (await operated.get<StatefulSet>(STATEFUL_SETS, name))!;
    expect(spec!.template.spec!.terminationGracePeriodSeconds).toBe(660);
    await apply({});
    await waitFor('it to be gone', async () => (await containersOf()).length === 1);
  });

  it('is told what the API server refuses; everything else is made', async () => {
    const port = { containerPort: 99_999 };
    await apply({
      podTemplate: { spec: { containers: [{ name: 'log', image: 'log:1', ports: [port] }] } },
      services: [
        { name: 'low', type: 'NodePort', listeners: [{ name: 'smtp', nodePort: 25 }] },
        { name: 'good' },
      ],
    });
    const { message } = await becomes('Ready=False/ObjectRefused');
    expect(message).toContain(`The API server refuses Service ${name}-low`);
    expect(message).toContain('nodePort');
    expect(message).toContain('(and 1 more)');
    await operated.there(SERVICES, `${name}-good`);
    expect(await operated.get(STATEFUL_SETS, name)).toBeUndefined();

    await apply({
      podTemplate: { spec: { containers: [{ name: 'log', image: 'log:1', ports: [port] }] } },
    });
    await waitFor('the StatefulSet to be what is refused', async () => {
      const { message: now } = await becomes('Ready=False/ObjectRefused');
      return now.includes(`StatefulSet ${name}`) && now.includes('containerPort');
    });
    await apply({});
    await becomes(WELL);
    await operated.there(STATEFUL_SETS, name);
  });

  it('keeps a Service whose successor is refused', async () => {
    await apply({});
    await operated.there(SERVICES, name);
    await apply({
      services: [{ name: 'low', type: 'NodePort', listeners: [{ name: 'smtp', nodePort: 25 }] }],
    });
    await becomes('Ready=False/ObjectRefused');
    await operated.quiet();
    expect(await operated.get(SERVICES, name)).toBeDefined();
    await apply({ services: [{ name: 'low' }] });
    await operated.gone(SERVICES, name);
  });

  it('leaves what others have made under a name of its own, and says so', async () => {
    const theirs = { selector: { app: 'theirs' }, ports: [{ port: 80 }] };
    const metadata = { namespace: NAMESPACE, name };
    await client.apply(SERVICES, { metadata, spec: theirs } as KubeObject);
    await apply({});
    const { message } = await becomes('Ready=False/ObjectTaken');
    expect(message).toContain(`Service ${name} is there already, and not of this fleet`);
    await operated.there(STATEFUL_SETS, name);
    expect((await operated.get<Service>(SERVICES, name))!.spec!.selector).toEqual({ app: 'theirs' });
    await client.delete(SERVICES, metadata);
    await apply({ workers: 2 });
    await becomes(WELL);
    expect((await operated.get<Service>(SERVICES, name))!.spec!.ports).toMatchObject([{ port: 25 }]);
  });

  it('is scaled by its scale subresource, whose selector finds the pods', async () => {
    await apply({ replicas: 1 });
    const set = await operated.there<StatefulSet>(STATEFUL_SETS, name);
    await becomes('Programmed=False/NoPods');
    const path = `/apis/postrider.dev/v1alpha1/namespaces/${NAMESPACE}/mtas/${name}/scale`;
    const ask = async (method: 'GET' | 'PATCH', change?: object) => {
      const { status, body } = await plane.transport()({
        ...{ method, path, contentType: 'application/merge-patch+json', signal: AbortSignal.timeout(10_000) },
        ...(change !== undefined && { body: JSON.stringify(change) }),
      });
      expect(status).toBe(200);
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk as Buffer);
      return JSON.parse(Buffer.concat(chunks).toString()) as { status: { selector: string } };
    };
    const { selector } = (await ask('GET')).status;
    const labels = set.spec!.template.metadata!.labels!;
    const wanted = Object.fromEntries(selector.split(',').map((each) => each.split('=')));
    expect(labels).toMatchObject(wanted);
    expect(set.spec!.selector.matchLabels).toEqual(wanted);
    await ask('PATCH', { spec: { replicas: 3 } });
    await waitFor('three pods to be wanted', async () => {
      const { spec } = (await operated.get<StatefulSet>(STATEFUL_SETS, name))!;
      const { data } = (await operated.get<SecretObject>(SECRETS, `${name}-identities`))!;
      return spec!.replicas === 3 && data![`${name}-2.crt`] !== undefined;
    });
  });

  // From here on the kinds of others are installed.

  const issuerRef = { name: 'letsencrypt', kind: 'ClusterIssuer' };
  const withTls = { listeners: [{ ...SMTP_LISTENER, tls: { issuerRef, dnsNames: ['mx.example.test'] } }] };
  const monitored = {
    metrics: { podMonitor: { labels: { release: 'prometheus' } }, alerts: { ruleLabels: { team: 'mail' } } },
  };

  it('is told which kinds the cluster lacks, and has them when they are installed', async () => {
    await apply(monitored);
    const { message } = await becomes('Ready=False/KindNotInstalled');
    expect(message).toContain(`PodMonitor ${name} can't be made, as this cluster has no PodMonitor`);
    expect(message).toContain('install the Prometheus operator');
    await operated.there(STATEFUL_SETS, name);
    await apply({ ...withTls });
    expect((await becomes('Ready=False/KindNotInstalled')).message).toContain('install cert-manager');

    await installForeignCrds(client);
    await becomes('Ready=False/CertificateNotIssued', 60_000);
    const { spec } = await operated.there<Certificate>(CERTIFICATES, `${name}-tls-smtp`);
    expect(spec).toMatchObject({
      ...{ secretName: `${name}-tls-smtp`, dnsNames: ['mail.example.test', 'mx.example.test'] },
      issuerRef: { ...issuerRef, group: 'cert-manager.io' },
    });
  });

  it("has a listener's certificate as soon as it is issued, and again when it is renewed", async () => {
    await apply(withTls);
    const { message } = await becomes('ResolvedRefs=False/CertificateNotIssued');
    expect(message).toContain(`\`kubectl describe certificate ${name}-tls-smtp\``);
    expect(await operated.get(STATEFUL_SETS, name)).toBeUndefined();
    const secret = `${name}-tls-smtp`;
    const issued = async () => {
      const now = Date.now();
      const { signer } = decide([], 'an issuer', now, systemRandom);
      const { certificate, key } = issue('mail.example.test', signer, now, systemRandom);
      const data = Object.fromEntries(
        Object.entries({ 'tls.crt': certificate, 'tls.key': key }).map(([file, text]) => [
          ...[file, Buffer.from(text).toString('base64')],
        ]),
      );
      const metadata = { namespace: NAMESPACE, name: secret };
      await client.apply(SECRETS, { metadata, type: 'kubernetes.io/tls', data } as KubeObject);
      return certificate;
    };
    const stored = async (certificate: string) => {
      // The first one is the index.
      const found = await operated.get<SecretObject>(SECRETS, `${name}-secrets-1`);
      const text = Object.values(found?.data ?? {}).map((each) => Buffer.from(each, 'base64').toString());
      return text.join('').includes(JSON.stringify(certificate).slice(1, -1)) || undefined;
    };
    const first = await issued();
    await becomes('ResolvedRefs=True');
    await waitFor('the certificate in the config', () => stored(first));
    await operated.there(STATEFUL_SETS, name);
    const second = await issued();
    await waitFor('the new certificate in the config', () => stored(second));

    await apply({});
    await operated.gone(CERTIFICATES, secret);
    expect(await operated.get(SECRETS, secret)).toBeDefined();
  });

  it('is monitored where it asks for that, for as long as it does', async () => {
    await apply(monitored);
    await operated.there(POD_MONITORS, name);
    const { spec } = await operated.there<{ spec: { groups: { rules: { alert: string }[] }[] } }>(
      PROMETHEUS_RULES,
      name,
    );
    expect(spec.groups[0]!.rules.map(({ alert }) => alert)).toContain('PostriderDown');
    await becomes('ResolvedRefs=True');
    await client.delete(POD_MONITORS, { namespace: NAMESPACE, name });
    await operated.there(POD_MONITORS, name);
    await apply({});
    await operated.gone(POD_MONITORS, name);
    await operated.gone(PROMETHEUS_RULES, name);
  });

  it('is not written again where nothing changes, whatever it asks for', async () => {
    await apply({
      ...monitored,
      services: [{ name: 'public', type: 'LoadBalancer', annotations: { a: 'b' } }],
      resources: { requests: { cpu: '1000m', memory: '1024Mi' } },
      podTemplate: {
        metadata: { annotations: { a: 'b' } },
        spec: {
          ...{ nodeSelector: {}, tolerations: [{ key: 'mail' }] },
          containers: [{ name: 'log', image: 'log:1', resources: { limits: { memory: '65536Ki' } } }],
        },
      },
    });
    await operated.there(POD_MONITORS, name);
    await operated.there(STATEFUL_SETS, name);
    await operated.quiet();
    await operated.restart();
    await operated.quiet();
    expect(operated.writes).toEqual([]);
  });
});
