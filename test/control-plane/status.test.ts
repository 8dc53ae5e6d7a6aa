/** Statuses as who is on call sees them: the columns of `kubectl get`, the queue of the fleet, and that it is quiet where nothing happens. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GROUP } from '../../crds/kind.ts';
import type { Operator } from '../../operator/controllers/operator.ts';
import { NAMESPACES } from '../../operator/kube/resources.ts';
import { OperatorMetrics } from '../../operator/metrics.ts';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { installCrds } from './support/crds.ts';
import { conditionIn, domainSpec, OwnKinds } from './support/own-kinds.ts';
import { runOperator } from './support/run-operator.ts';
import { StandIn } from './support/stand-in.ts';

const FLEET = { namespace: 'mail', name: 'mta' };
const MTA = {
  replicas: 2,
  hostname: 'mail.example.test',
  listeners: [{ name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } }],
};
const domain = (more: object = {}) => domainSpec('one.example.test', more);
const since = new Date(Date.now() - 3_600_000).toISOString();

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

describeWithControlPlane('statuses', () => {
  let plane: ControlPlane;
  let own: OwnKinds;
  let operator: Operator;
  let pods: StandIn[];
  const metrics = new OperatorMetrics();
  /** Requests of the operator that write: verb and resource. */
  const writes: string[] = [];

  beforeAll(async () => {
    plane = await startControlPlane();
    const client = plane.client();
    own = new OwnKinds(client);
    await installCrds(client);
    await client.create(NAMESPACES, { metadata: { name: 'mail' } });
    pods = ['mta-0', 'mta-1'].map((name) => new StandIn(client, FLEET, name));
    pods[0]!.queue = {
      ...{ messages: 30, oldestAt: since, damaged: 0, full: false },
      recipients: { deferred: 20, held: 1 },
    };
    pods[1]!.queue = { ...pods[0]!.queue, messages: 12, oldestAt: new Date().toISOString() };
    await own.apply('MTA', 'mta', MTA);
    await own.apply('MailDomain', 'one', domain());
    operator = await runOperator(plane.transport(), {
      metrics,
      onWrite: (write) => writes.push(write),
      addressOf: ({ metadata }) => pods.find(({ name }) => name === metadata.name)?.address,
    });
    await Promise.all(pods.map((pod) => pod.start()));
    for (const [kind, name] of [
      ['MTA', 'mta'],
      ['MailDomain', 'one'],
    ] as const) {
      await own.becomes(kind, name, 'Ready=True');
    }
  });
  afterAll(async () => {
    await operator?.stop();
    await Promise.all(pods?.map((pod) => pod.stop()) ?? []);
    await plane?.stop();
  });

  /** What `kubectl get` prints, by column; `wide` of those, too, that `-o wide` adds. */
  async function row(plural: string, wide = false): Promise<Record<string, unknown>> {
    const { clusters, users } = JSON.parse(readFileSync(plane.kubeconfig(), 'utf8')) as {
      clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
      users: { user: { token: string } }[];
    };
    const { server, 'certificate-authority-data': ca } = clusters[0]!.cluster;
    const table = await new Promise<Table>((resolve, reject) => {
      request(
        `${server}/apis/${GROUP}/v1alpha1/namespaces/mail/${plural}`,
        {
          ca: Buffer.from(ca, 'base64'),
          headers: {
            accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
            authorization: `Bearer ${users[0]!.user.token}`,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as Table));
        },
      )
        .on('error', reject)
        .end();
    });
    const { columnDefinitions, rows } = table;
    const cells = columnDefinitions.map(({ name, priority }, i) => ({
      name,
      priority,
      cell: rows[0]!.cells[i],
    }));
    const shown = cells.filter(({ priority }) => wide || priority === 0);
    return Object.fromEntries(shown.map(({ name, cell }) => [name, cell]));
  }

  it('of an MTA show its pods, its queue, and what is programmed', async () => {
    await waitFor('the queue', async () => (await own.get('MTA', 'mta'))?.status?.['queue']);
    expect((await own.get('MTA', 'mta'))!.status).toMatchObject({
      programmedGeneration: 1,
      queue: { messages: 42, deferred: 40, held: 2, oldest: since.replace(/\.\d+/, '') },
      attached: { domains: 1, relays: 0, policies: 0, users: 0, refused: 0, unresolved: 0 },
    });
    expect(await row('mtas')).toMatchObject({
      ...{ Name: 'mta', Serving: 2, Queue: 42, Programmed: 1, Ready: 'True', Reason: 'Ready' },
      Oldest: expect.stringMatching(/^6\dm$/),
    });
    expect(await row('mtas', true)).toMatchObject({
      ...{ Deferred: 40, QueueHealthy: 'True', Refused: 0, Hostname: 'mail.example.test' },
      Message: expect.stringContaining('every serving pod has loaded it'),
    });
    expect(await row('maildomains')).toMatchObject({
      Domain: 'one.example.test',
      Programmed: 1,
      Ready: 'True',
    });
  });

  it('of a MailDomain have the DNS records that it asks for, and what others report of TLS', async () => {
    const resource = 'MailDomain/mail/told';
    const failures = [{ resultType: 'certificate-expired', host: 'mx.told.example.test', sessions: 1 }];
    const last = { receivedAt: '2026-11-30T12:00:00.123Z' };
    const sums = { resource, successfulSessions: 7, failedSessions: 1, failures, last };
    for (const pod of pods) pod.tlsReports = { domains: [sums] };
    const tlsRpt = { receive: {}, rua: ['https://reports.example.net/'] };
    await own.apply('MailDomain', 'told', domain({ domain: 'told.example.test', tlsRpt }));
    const fleet = await waitFor('reports in its status', async () => {
      const { fleets } = ((await own.get('MailDomain', 'told'))?.status ?? {}) as {
        fleets?: { tlsReports?: object; records?: object }[];
      };
      return fleets?.[0]?.tlsReports && fleets[0];
    });
    expect(fleet).toMatchObject({
      records: [
        {
          ...{ name: '_smtp._tls.told.example.test', type: 'TXT' },
          value: 'v=TLSRPTv1; rua=mailto:tls-reports@told.example.test,https://reports.example.net/',
        },
      ],
      tlsReports: {
        ...{ lastReceived: '2026-11-30T12:00:00Z', window: '7d' },
        ...{ successfulSessions: 7, failedSessions: 1, failures },
      },
    });
    const other = (await own.get('MailDomain', 'one'))!.status as { fleets: object[] };
    expect(other.fleets[0]).not.toHaveProperty('tlsReports');
    expect(other.fleets[0]).not.toHaveProperty('records');
    await own.delete('MailDomain', 'told');
  });

  it('are such that kstatus takes what is ready for ready', async () => {
    for (const [kind, name] of [
      ['MTA', 'mta'],
      ['MailDomain', 'one'],
    ] as const) {
      const object = (await own.get(kind, name))!;
      expect(object.status!['observedGeneration']).toBe(object.metadata.generation);
      expect(conditionIn(object, 'Ready')).toMatchObject({ status: 'True', observedGeneration: 1 });
      for (const type of ['Reconciling', 'Stalled']) expect(conditionIn(object, type)).toBeUndefined();
    }
  });

  it('show what pods have while they have not loaded the next', async () => {
    pods[1]!.refuses = 'the workers are on strike';
    await own.apply('MailDomain', 'one', domain({ aliases: ['two.example.test'] }));
    await own.becomes('MailDomain', 'one', 'Programmed=False/ConfigRefused');
    expect(await row('maildomains')).toMatchObject({
      Programmed: 1,
      Ready: 'False',
      Reason: 'ConfigRefused',
    });
    pods[1]!.refuses = undefined;
    await own.apply('MailDomain', 'one', domain({ aliases: ['three.example.test'] }));
    await own.becomes('MailDomain', 'one', 'Ready=True');
    expect(await row('maildomains')).toMatchObject({ Programmed: 3, Ready: 'True' });
    await own.becomes('MTA', 'mta', 'Ready=True');
  });

  it('keep the time of a condition that stays, and of one that changes have the new one', async () => {
    const before = await own.get('MTA', 'mta');
    await own.apply('MTA', 'mta', { ...MTA, workers: 2 });
    await own.becomes('MTA', 'mta', 'Ready=True');
    const after = await own.get('MTA', 'mta');
    expect(conditionIn(after, 'Accepted')!.lastTransitionTime).toBe(
      conditionIn(before, 'Accepted')!.lastTransitionTime,
    );
    expect(after!.status!['programmedGeneration']).toBe(2);
  });

  it('are never those of a namesake that is gone', async () => {
    for (let round = 0; round < 30; round += 1) {
      const isGood = round % 2 === 0;
      await own.apply('MailDomain', 'anew', domain(isGood ? { domain: 'anew.example.test' } : {}));
      const { status } = await waitFor('it to be looked at', async () => {
        const accepted = conditionIn(await own.get('MailDomain', 'anew'), 'Accepted');
        return accepted?.reason === 'Pending' ? undefined : accepted;
      });
      // The other one has the domain of another.
      expect(`${round}: ${status}`).toBe(`${round}: ${isGood ? 'True' : 'False'}`);
      await own.delete('MailDomain', 'anew');
    }
  });

  it('say that an MTA is paused, and that it goes on', async () => {
    await own.apply('MTA', 'mta', { ...MTA, workers: 2 }, { 'postrider.dev/paused': 'true' });
    await own.becomes('MTA', 'mta', 'Paused=True/Paused');
    await own.told('MTA', 'mta', 'Paused');
    await own.apply('MTA', 'mta', { ...MTA, workers: 2 });
    await waitFor('it to go on', async () => !conditionIn(await own.get('MTA', 'mta'), 'Paused'));
  });

  it('follow the queue, and tell of a full one at once', async () => {
    pods[0]!.queue = { ...pods[0]!.queue, full: true };
    const { message } = await own.becomes('MTA', 'mta', 'QueueHealthy=False/QueueFull');
    expect(message).toContain('pod mta-0 is full');
    await own.becomes('MTA', 'mta', 'Ready=False/QueueFull');
    pods[0]!.queue = { messages: 0, damaged: 0, full: false, recipients: { deferred: 0, held: 0 } };
    pods[1]!.queue = pods[0]!.queue;
    await waitFor(
      'the queue to be empty',
      async () => {
        const { status } = (await own.get('MTA', 'mta'))!;
        return (status!['queue'] as { messages: number }).messages === 0;
      },
      { timeoutMs: 90_000 },
    );
    await own.becomes('MTA', 'mta', 'Ready=True');
    expect((await own.get('MTA', 'mta'))!.status!['queue']).toEqual({ messages: 0, deferred: 0, held: 0 });
  });

  it('are not written where nothing happens but mail that comes and goes', async () => {
    let second = 0;
    const flow = setInterval(() => {
      second += 1;
      const messages = second % 5;
      const oldestAt = new Date().toISOString();
      for (const pod of pods) pod.queue = { ...pod.queue, messages, oldestAt };
    }, 250);
    try {
      writes.length = 0;
      const end = performance.now() + 40_000;
      await waitFor('40 s to pass', () => performance.now() > end, { timeoutMs: 60_000 });
    } finally {
      clearInterval(flow);
    }
    expect(writes).toEqual([]);
  });

  it('and what it costs is in the metrics', async () => {
    const text = await metrics.text();
    for (const sample of [
      /^postrider_operator_api_requests_total\{verb="apply",resource="mtas",code="200"\} [1-9]/m,
      /^postrider_operator_reconcile_seconds_count\{controller="status"\} [1-9]/m,
      /^postrider_operator_config_programmed_seconds_count [1-9]/m,
      /^postrider_operator_fleet_lag_seconds\{fleet="mail\/mta"\} 0$/m,
      /^postrider_operator_events_total\{result="written"\} [1-9]/m,
      /^postrider_operator_leader 1$/m,
    ]) {
      expect(text).toMatch(sample);
    }
  });
});
