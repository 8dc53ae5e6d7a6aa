/** A certificate that is renewed with another key, while TLSA records are published: against a real API server, with an operator that ends midway. */
import { createHash, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DnsRecord } from '../../crds/status.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/resource.ts';
import { NAMESPACES, SECRETS } from '../../operator/kube/resources.ts';
import { type Issued, issuer } from '../support/issuer.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { domainSpec, OwnKinds, SLOW_MS } from './support/own-kinds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const FLEET = { namespace: 'mail', name: 'mta' };
const LEAD_MS = 15_000;
const authority = issuer('renewals');
const [old, fresh, last] = Array.from({ length: 3 }, () => authority.issue(['mx.example.test'])) as [
  Issued,
  Issued,
  Issued,
];

const tls = { certificateRef: { name: 'mx' }, dane: { lead: `${LEAD_MS / 1000}s` } };
const MTA = {
  ...{ replicas: 1, hostname: 'mx.example.test' },
  listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls }],
};

function recordOf({ key }: Issued): DnsRecord {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const digest = createHash('sha256').update(spki).digest('hex');
  return { name: '_25._tcp.mx.example.test', type: 'TLSA', value: `3 1 1 ${digest}` };
}

describeWithControlPlane('TLSA records', () => {
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
    await client.create(NAMESPACES, { metadata: { name: 'mail' } });
    pod = new StandIn(client, FLEET, 'mta-0');
    await store('mx', old);
    await own.apply('MTA', 'mta', MTA);
    await start();
    await pod.start();
    await own.becomes('MTA', 'mta', 'Ready=True');
  });
  afterAll(async () => {
    await operator?.stop();
    await pod?.stop();
    await plane?.stop();
  });

  const start = async () => {
    operator = await runOperator(plane.transport(), { addressOf: () => pod.address });
  };

  /** As cert-manager writes it. */
  async function store(name: string, { crt, key }: Issued): Promise<void> {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    await client.apply(SECRETS, {
      ...{ metadata: { namespace: 'mail', name }, type: 'kubernetes.io/tls' },
      data: { 'tls.crt': base64(crt), 'tls.key': base64(key) },
    } as KubeObject);
  }

  const records = async () =>
    ((await own.get('MTA', 'mta'))?.status?.['records'] ?? []) as readonly DnsRecord[];
  const sinceOf = async (pair: Issued) =>
    Date.parse((await records()).find(({ value }) => value === recordOf(pair).value)!.since!);
  const listed = async () => (await records()).map(({ since: _, ...record }) => record);

  const both = (...pairs: Issued[]) =>
    pairs.map(recordOf).toSorted((one, other) => (one.value < other.value ? -1 : 1));

  /** The certificate that the pod shows, by the config that it has loaded. */
  function shown(): Issued {
    const { listeners, secrets } = pod.config!;
    const { certificate, key } = listeners[0]!.tls;
    return { crt: secrets[certificate!]!, key: secrets[key!]! };
  }

  it('are in the status', async () => {
    await own.becomes('MTA', 'mta', 'DANEReady=True/DANEReady');
    expect(await listed()).toEqual([recordOf(old)]);
    expect(shown()).toEqual(old);
  });

  it('are both there when a Secret has a new key, which is shown when its record has stood for long enough', async () => {
    await store('mx', fresh);
    const { message } = await own.becomes('MTA', 'mta', 'DANEReady=False/KeyWaits');
    expect(message).toContain(recordOf(fresh).value);
    expect(await listed()).toEqual(both(old, fresh));
    expect(shown()).toEqual(old);
    await own.becomes('MTA', 'mta', 'Ready=True');
    const before = await records();
    const since = await sinceOf(fresh);

    await operator.stop();
    await start();
    await own.told('MTA', 'mta', 'KeyWaits');
    const { revision } = pod;
    expect(await records()).toEqual(before);
    expect(shown()).toEqual(old);
    expect(Date.now()).toBeLessThan(since + LEAD_MS);

    // Nobody touches anything from here on.
    await waitFor('the new key to be shown', () => shown().key === fresh.key, { timeoutMs: SLOW_MS });
    expect(Date.now()).toBeGreaterThanOrEqual(since + LEAD_MS);
    expect(shown()).toEqual(fresh);
    expect(pod.revision).toBe(revision + 1);
    await own.becomes('MTA', 'mta', 'DANEReady=True');
    await waitFor('the old record to go', async () => (await listed()).length === 1);
    expect(await listed()).toEqual([recordOf(fresh)]);
  });

  it('stay as they are while the MTA is paused, as does the certificate', async () => {
    await store('mx', last);
    await own.becomes('MTA', 'mta', 'DANEReady=False/KeyWaits');
    const due = (await sinceOf(last)) + LEAD_MS;
    await own.apply('MTA', 'mta', MTA, { 'postrider.dev/paused': '' });
    await own.becomes('MTA', 'mta', 'Paused=True');
    await waitFor('its time', () => Date.now() > due, { timeoutMs: SLOW_MS });
    // Has the fleet looked at, and what comes of it told.
    await store('other', old);
    await own.apply('MailDomain', 'one', domainSpec('one.example.test'));
    await own.becomes('MailDomain', 'one', 'Accepted=True');
    expect(shown()).toEqual(fresh);
    expect(await listed()).toEqual(both(fresh, last));
    await own.apply('MTA', 'mta', MTA);
    await waitFor('the new key to be shown', () => shown().key === last.key, { timeoutMs: SLOW_MS });
    await waitFor('the old record to go', async () => (await listed()).length === 1);
    expect(await listed()).toEqual([recordOf(last)]);
  });

  it('are none any more when nobody asks for them', async () => {
    const listeners = MTA.listeners.map((each) => ({ ...each, tls: { certificateRef: tls.certificateRef } }));
    await own.apply('MTA', 'mta', { ...MTA, listeners });
    await waitFor('the records to go', async () => (await listed()).length === 0, { timeoutMs: SLOW_MS });
    const { status } = (await own.get('MTA', 'mta'))!;
    expect(JSON.stringify(status)).not.toContain('DANEReady');
  });
});
