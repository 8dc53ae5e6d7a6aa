import { beforeEach, describe, expect, it } from 'vitest';
import { mailDomain } from '../../crds/mail-domain.ts';
import { TestClock } from '../../mta/testing/test-clock.ts';
import { Cache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { TlsReportStatus } from '../status/tls-reports.ts';
import type { FleetState } from './fleet-state.ts';
import { StatusController } from './status-controller.ts';
import type { OwnObject, Watched } from './watched.ts';

const KEY = 'MailDomain/mail/one';
const resource = { kind: 'MailDomain', namespace: 'mail', name: 'one' };
const found = (condition: 'Accepted' | 'ResolvedRefs') =>
  ({ resource, condition, status: 'True', reason: condition, message: 'well' }) as const;
const domain = (resourceVersion: string, more: Partial<OwnObject> = {}): OwnObject => ({
  metadata: { namespace: 'mail', name: 'one', uid: 'u', generation: 1, resourceVersion },
  spec: { mtaRefs: [{ name: 'mta' }] },
  ...more,
});
const RECORD = { name: '_mta-sts.one.test', type: 'TXT', value: 'v=STSv1; id=2;' } as const;
let tlsReports: FleetState['tlsReports'];
const state = (loaded: number): FleetState => ({
  specs: new Map([[KEY, 'u 1']]),
  findings: new Map([[KEY, [found('Accepted'), found('ResolvedRefs')]]]),
  records: new Map([[KEY, [RECORD]]]),
  fragments: new Map([[KEY, { generation: 1, digest: '', revision: 2 }]]),
  ...{
    loaded,
    isAsking: false,
    refusal: undefined,
    pods: [],
    refused: [],
    queue: undefined,
    tlsReports,
    life: undefined,
    tlsa: undefined,
  },
});

let clock: TestClock;
let cache: Cache<OwnObject>;
let written: Record<string, unknown>[];
let told: (readonly [before: unknown, after: unknown])[];
let loaded: number;
let controller: StatusController;

beforeEach(() => {
  clock = new TestClock();
  cache = new Cache();
  [written, told, loaded, tlsReports] = [[], [], 1, undefined];
  const client = {
    async apply(_type: ResourceType, { status }: OwnObject): Promise<OwnObject> {
      written.push(status!);
      const { metadata, ...rest } = cache.get('mail/one')!;
      const resourceVersion = String(Number(metadata.resourceVersion) + 1);
      return { ...rest, metadata: { ...metadata, resourceVersion }, status: status! };
    },
  };
  controller = new StatusController({
    client: client as unknown as KubeClient,
    watched: {
      own: () => cache,
      wrote: (_type: ResourceType, object: OwnObject) => cache.put(object),
    } as unknown as Watched,
    clock,
    stateOf: () => state(loaded),
    heardOf: () => undefined,
    onWritten: (_kind, { status }, after) => told.push([status, after]),
  });
});

const readyIn = (status: unknown) =>
  (status as { conditions: { type: string; status: string; lastTransitionTime: string }[] }).conditions.find(
    ({ type }) => type === 'Ready',
  );

describe('the status of a resource', () => {
  it('is written once, also where the watch is late', async () => {
    cache.put(domain('1'));
    await controller.reconcile(KEY);
    await clock.advance(5000);
    await controller.reconcile(KEY);
    expect(written).toHaveLength(1);
    cache.put(domain('2', { status: written[0]! }));
    await controller.reconcile(KEY);
    expect(written).toHaveLength(1);
  });

  it('that follows one that the watch has not brought yet is compared with that', async () => {
    cache.put(domain('1'));
    await controller.reconcile(KEY);
    loaded = 2;
    await clock.advance(5000);
    await controller.reconcile(KEY);
    expect(readyIn(written[1])).toMatchObject({ status: 'True' });
    await clock.advance(5000);
    await controller.reconcile(KEY);
    expect(written).toHaveLength(2);
    expect(told.map(([before]) => before)).toEqual([undefined, written[0]]);
  });

  it('that was found of a namesake which is gone is not that of the one after it', async () => {
    cache.put(domain('5', { metadata: { ...domain('5').metadata, uid: 'another' } }));
    await controller.reconcile(KEY);
    expect(written).toEqual([]);
  });

  it('has what others report of TLS, and keeps it until pods have been asked again', async () => {
    const reports: TlsReportStatus = {
      ...{ lastReceived: '2026-11-30T12:00:00Z', window: '7d', successfulSessions: 7, failedSessions: 1 },
      failures: [{ resultType: 'certificate-expired', host: 'mx.a.test', sessions: 1 }],
    };
    tlsReports = new Map([[KEY, reports]]);
    cache.put(domain('1'));
    await controller.reconcile(KEY);
    expect(written[0]).toMatchObject({ fleets: [{ tlsReports: reports }] });
    expect(mailDomain.status.safeParse(written[0]).error).toBeUndefined();
    tlsReports = undefined;
    await controller.reconcile(KEY);
    expect(written).toHaveLength(1);
    tlsReports = new Map();
    await controller.reconcile(KEY);
    expect(written).toHaveLength(2);
    expect((written[1] as { fleets: object[] }).fleets[0]).not.toHaveProperty('tlsReports');
  });

  it('that somebody else has changed is mended', async () => {
    cache.put(domain('1'));
    await controller.reconcile(KEY);
    cache.put(domain('3', { status: { conditions: [] } }));
    await controller.reconcile(KEY);
    expect(written).toHaveLength(2);
    expect(written[1]).toMatchObject({ observedGeneration: 1 });
  });

  it('has the records of what every pod has loaded, and those of before until then', async () => {
    const before = [{ ...RECORD, value: 'v=STSv1; id=1;' }];
    const recordsIn = (status: unknown) => (status as { fleets: { records?: unknown }[] }).fleets[0]!.records;
    const old = { fleets: [{ namespace: 'mail', name: 'mta', records: before }] };
    cache.put(domain('1', { status: old }));
    await controller.reconcile(KEY);
    expect(recordsIn(written[0])).toEqual(before);
    loaded = 2;
    await controller.reconcile(KEY);
    expect(recordsIn(written[1])).toEqual([RECORD]);
  });
});
