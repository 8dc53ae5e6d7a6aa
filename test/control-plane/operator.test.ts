/** The operator's controllers against a real API server, with pods that are stand-ins behind real control ports. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import {
  CONFIG_MAPS,
  NAMESPACES,
  OWN_KINDS,
  SECRETS,
  SERVICES,
  STATEFUL_SETS,
} from '../../operator/kube/resources.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { conditionIn, domainSpec, mtaRefs, OwnKinds, relaySpec } from './support/own-kinds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const FLEET = { namespace: 'mail', name: 'mta' };

describeWithControlPlane('the operator', () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let own: OwnKinds;
  let operator: Operator;
  let pods: StandIn[];
  /** Requests of the operator that write: verb and resource. */
  let writes: string[];

  beforeAll(async () => {
    plane = await startControlPlane();
    client = plane.client();
    own = new OwnKinds(client);
    await installCrds(client);
    await client.create(NAMESPACES, { metadata: { name: 'mail' } });
    pods = ['mta-0', 'mta-1', 'mta-2'].map((name) => new StandIn(client, FLEET, name));
    await own.apply('MTA', 'mta', {
      replicas: 3,
      hostname: 'mail.example.test',
      listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
    });
    for (const name of ['one', 'two'])
      await own.apply('MailDomain', name, domainSpec(`${name}.example.test`));
    await own.apply('MailRelay', 'out', relaySpec());
    await start();
    await Promise.all(pods.map((pod) => pod.start()));
    for (const [kind, name] of [
      ['MTA', 'mta'],
      ['MailDomain', 'one'],
      ['MailDomain', 'two'],
      ['MailRelay', 'out'],
    ] as const) {
      await own.becomes(kind, name, 'Ready=True');
    }
  });
  afterAll(async () => {
    await operator?.stop();
    await Promise.all(pods?.map((pod) => pod.stop()) ?? []);
    await plane?.stop();
  });

  async function start(): Promise<void> {
    writes = [];
    operator = await runOperator(plane.transport(), {
      onWrite: (write) => writes.push(write),
      addressOf: ({ metadata }) => pods.find(({ name }) => name === metadata.name)?.address,
    });
  }

  /** No write for a while: everything that was to be done has been. */
  async function quiet(): Promise<void> {
    let [before, since] = [-1, 0];
    await waitFor('the operator to be done', () => {
      if (writes.length !== before) [before, since] = [writes.length, performance.now()];
      return performance.now() - since > 1500;
    });
  }

  it('has made what a fleet is made of, and told each pod its config', async () => {
    const set = await client.get<KubeObject & { spec: { replicas: number } }>(STATEFUL_SETS, FLEET);
    expect(set?.spec.replicas).toBe(3);
    const service = await client.get<KubeObject & { spec: { ports: { port: number }[] } }>(SERVICES, FLEET);
    expect(service?.spec.ports.map(({ port }) => port)).toEqual([25]);
    for (const { config } of pods) {
      expect(config?.domains.map(({ domain: name }) => name)).toEqual([
        'one.example.test',
        'two.example.test',
      ]);
    }
    const { status } = (await own.get('MTA', 'mta'))!;
    expect(status).toMatchObject({
      attached: { domains: 2, relays: 1, policies: 0, users: 0 },
      selector: expect.stringContaining('app.kubernetes.io/instance=mta'),
    });
    expect((await own.get('MailDomain', 'one'))!.status).toMatchObject({
      fleets: [{ namespace: 'mail', name: 'mta' }],
    });
  });

  it('writes nothing where nothing changes, also when it is started anew', async () => {
    await quiet();
    const revisions = pods.map(({ revision }) => revision);
    await operator.stop();
    await start();
    await waitFor('the pods to be asked', () => pods.every(({ revision }) => revision > 0));
    await quiet();
    expect(writes).toEqual([]);
    expect(pods.map(({ revision }) => revision)).toEqual(revisions);
  });

  it('brings an edit to each pod, and tells it of that resource alone', async () => {
    await quiet();
    const before = await own.get('MailDomain', 'two');
    await own.apply('MailDomain', 'one', domainSpec('one.example.test', { aliases: ['alias.example.test'] }));
    await own.becomes('MailDomain', 'one', 'Programmed=True');
    for (const { config } of pods) expect(config?.domains[0]?.aliases).toEqual(['alias.example.test']);
    await quiet();
    expect((await own.get('MailDomain', 'two'))?.metadata.resourceVersion).toBe(
      before?.metadata.resourceVersion,
    );
  });

  it('says what is wrong with a resource, and takes it when that is mended', async () => {
    await own.apply(
      'MailRelay',
      'out',
      relaySpec({ credentials: { username: 'u', secretRef: { name: 'password' } } }),
    );
    const { message } = await own.becomes('MailRelay', 'out', 'ResolvedRefs=False/SecretNotFound');
    expect(message).toContain('there is no Secret password in namespace mail');
    expect(conditionIn(await own.get('MailRelay', 'out'), 'Ready')?.status).toBe('False');
    const data = { password: Buffer.from('geheim').toString('base64') };
    await client.apply(SECRETS, { metadata: { namespace: 'mail', name: 'password' }, data } as KubeObject);
    await own.becomes('MailRelay', 'out', 'Ready=True');
    expect(Object.values(pods[0]!.config!.secrets)).toContain('geheim');
  });

  it('makes a password for a user that asks for one, and makes it anew when it is gone', async () => {
    await own.apply('MailUser', 'app', {
      ...{ mtaRefs, username: 'app', senders: ['app@one.example.test'] },
      password: { generate: true },
    });
    await own.becomes('MailUser', 'app', 'Ready=True');
    const secret = { namespace: 'mail', name: 'app-password' };
    const passwordIn = async () =>
      (await client.get<KubeObject & { data: { password: string } }>(SECRETS, secret))?.data.password;
    const first = await passwordIn();
    expect(first).toBeDefined();
    await client.delete(SECRETS, secret);
    const second = await waitFor('another password', passwordIn);
    expect(second).not.toBe(first);
    await own.becomes('MailUser', 'app', 'Ready=True');
  });

  it('says which pod refuses, and why, and that it is over', async () => {
    pods[1]!.refuses = 'the workers are on strike';
    await own.apply('MailDomain', 'two', domainSpec('two.example.test', { limits: { messageSize: '1Mi' } }));
    const { message } = await own.becomes('MailDomain', 'two', 'Programmed=False/ConfigRefused');
    expect(message).toContain('Pod mta-1 refuses');
    expect(message).toContain('the workers are on strike');
    expect(conditionIn(await own.get('MailDomain', 'one'), 'Programmed')?.status).toBe('True');
    pods[1]!.refuses = undefined;
    await own.apply('MailDomain', 'two', domainSpec('two.example.test', { limits: { messageSize: '2Mi' } }));
    await own.becomes('MailDomain', 'two', 'Ready=True');
  });

  it('mends what others have changed or taken away', async () => {
    await quiet();
    const [config, service] = [{ namespace: 'mail', name: 'mta-config-0' }, FLEET];
    await client.delete(CONFIG_MAPS, config);
    await client.patch(SERVICES, service, { spec: { selector: { 'app.kubernetes.io/instance': 'other' } } });
    await waitFor('the ConfigMap', () => client.get(CONFIG_MAPS, config));
    await waitFor('the selector', async () => {
      const found = await client.get<KubeObject & { spec: { selector: Record<string, string> } }>(
        SERVICES,
        service,
      );
      return found?.spec.selector['app.kubernetes.io/instance'] === 'mta';
    });
  });

  it('tells a resource that names no MTA, and one whose MTA has gone', async () => {
    await own.apply(
      'MailDomain',
      'lost',
      domainSpec('lost.example.test', { mtaRefs: [{ name: 'nowhere' }] }),
    );
    const { message } = await own.becomes('MailDomain', 'lost', 'Accepted=False/MTANotFound');
    expect(message).toContain('mail/nowhere');
    await own.apply('MTA', 'nowhere', {
      hostname: 'nowhere.example.test',
      listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
    });
    await own.becomes('MailDomain', 'lost', 'Accepted=True');
    await own.becomes('MailDomain', 'lost', 'Programmed=False/NoPods');
    await client.delete(OWN_KINDS.get('MTA')!, { namespace: 'mail', name: 'nowhere' });
    await own.becomes('MailDomain', 'lost', 'Accepted=False/MTANotFound');
  });
});
