/** What a domain publishes by MTA-STS, from the Certificate that is asked for to the records in its status. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { policyHost } from '../../mta/config.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { CERTIFICATES, NAMESPACES, SECRETS } from '../../operator/kube/resources.ts';
import type { Certificate } from '../../operator/kube/types.ts';
import { issuer } from '../support/issuer.ts';
import { waitFor } from '../support/wait.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { describeWithForeignCrds, installForeignCrds } from './support/foreign-crds.ts';
import { domainSpec, OwnKinds, SLOW_MS } from './support/own-kinds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const DOMAIN = 'one.example.test';
const published = (mtaSts: object) => domainSpec(DOMAIN, { mtaSts: { mx: ['mx.example.test'], ...mtaSts } });
const record = (name: string) => expect.objectContaining({ name: `${name}.${DOMAIN}` });

describeWithForeignCrds('a domain with MTA-STS', () => {
  const authority = issuer('an issuer');
  let plane: ControlPlane;
  let client: KubeClient;
  let own: OwnKinds;
  let operator: Operator;
  let pod: StandIn;

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    own = new OwnKinds(client);
    await installCrds(client);
    await installForeignCrds(client);
    await client.create(NAMESPACES, { metadata: { name: 'mail' } });
    pod = new StandIn(client, { namespace: 'mail', name: 'mta' }, 'mta-0');
    await own.apply('MTA', 'mta', {
      hostname: 'mail.example.test',
      listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
      web: { issuerRef: { name: 'letsencrypt', kind: 'ClusterIssuer' } },
    });
    await own.apply('MailDomain', 'one', published({ mode: 'Testing' }));
    operator = await runOperator(plane.transport(), { addressOf: () => pod.address });
    await pod.start();
  });
  afterAll(async () => {
    await operator?.stop();
    await pod?.stop();
    await plane?.stop();
  });

  interface Fleet {
    readonly records?: readonly { readonly name: string; readonly type: string; readonly value: string }[];
  }
  const records = async () => {
    const { status } = (await own.get('MailDomain', 'one'))!;
    return ((status?.['fleets'] ?? []) as readonly Fleet[])[0]?.records;
  };
  const id = async () => (await records())?.find(({ type }) => type === 'TXT')?.value;

  it('has a certificate asked for, and nothing published until it is issued', async () => {
    const { message } = await own.becomes('MailDomain', 'one', 'ResolvedRefs=False/CertificateNotIssued');
    const [, name = ''] = /Certificate (\S+) for/.exec(message)!;
    const made = await client.get<Certificate & KubeObject>(CERTIFICATES, { namespace: 'mail', name });
    expect(made!.spec).toMatchObject({
      ...{ secretName: name, dnsNames: [policyHost(DOMAIN)] },
      issuerRef: { name: 'letsencrypt', kind: 'ClusterIssuer', group: 'cert-manager.io' },
    });
    await own.becomes('MailDomain', 'one', 'Programmed=True');
    expect(pod.config!.domains[0]!.mtaSts).toBeUndefined();
    expect(await records()).toBeUndefined();

    const { crt, key } = authority.issue([policyHost(DOMAIN)]);
    const data = Object.fromEntries(
      Object.entries({ 'tls.crt': crt, 'tls.key': key }).map(([file, text]) => [
        ...[file, Buffer.from(text).toString('base64')],
      ]),
    );
    const metadata = { namespace: 'mail', name };
    await client.apply(SECRETS, { metadata, type: 'kubernetes.io/tls', data } as KubeObject);
    await own.becomes('MailDomain', 'one', 'Ready=True');
    expect(pod.config!.domains[0]!.mtaSts!.policy).toContain('mode: testing\r\nmx: mx.example.test\r\n');
    expect(await records()).toEqual([record('mta-sts'), record('_mta-sts')]);
    expect((await records())![0]).toMatchObject({ type: 'CNAME', value: 'mail.example.test.' });
  });

  it('has a new id as soon as every pod serves the new policy, and not before', async () => {
    const before = await id();
    pod.refuses = 'not now';
    await own.apply('MailDomain', 'one', published({ mode: 'Enforce' }));
    await own.becomes('MailDomain', 'one', 'Programmed=False/ConfigRefused');
    expect(await id()).toBe(before);
    pod.refuses = undefined;
    // What a pod has refused it isn't asked to load again.
    await own.apply('MailDomain', 'one', published({ mode: 'Enforce', maxAge: '100h' }));
    await own.becomes('MailDomain', 'one', 'Ready=True');
    expect(pod.config!.domains[0]!.mtaSts!.policy).toContain('mode: enforce');
    expect(await id()).toMatch(/^v=STSv1; id=\w{1,32};$/);
    expect(await id()).not.toBe(before);
  });

  it('has neither records nor certificate where it publishes nothing any more', async () => {
    await own.apply('MailDomain', 'one', domainSpec(DOMAIN));
    await own.becomes('MailDomain', 'one', 'Ready=True');
    expect(await records()).toBeUndefined();
    await waitFor(
      'the Certificate to go',
      async () => (await client.list(CERTIFICATES, { namespace: 'mail' })).items.length === 0,
      { timeoutMs: SLOW_MS },
    );
  });
});
