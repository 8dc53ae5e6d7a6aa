/** Pods of a test: objects of the API server, and behind each a control port of its own on this machine, which is the mta's. */
import { pino } from 'pino';
import { systemClock } from '../../../mta/clock.ts';
import { type MtaConfig, READABLE_VERSIONS } from '../../../mta/config.ts';
import { createControlServer } from '../../../mta/control/control.ts';
import type { Claim, DrainControl, DrainProblem, DrainStatus } from '../../../mta/control/drain-types.ts';
import type { HttpServer } from '../../../mta/control/http.ts';
import type { ConfigStatus, ControlBackend } from '../../../mta/control/types.ts';
import { PostriderError } from '../../../mta/errors.ts';
import type { FleetName } from '../../../mta/fleet/hosts.ts';
import type { Identity } from '../../../mta/fleet/identity.ts';
import { KeptIdentity } from '../../../mta/fleet/kept-identity.ts';
import type { Proof } from '../../../mta/queue/proof/proof.ts';
import { parseConfig } from '../../../mta/setup.ts';
import { checkChange } from '../../../mta/supervise/change.ts';
import type { PodObject, SecretObject } from '../../../operator/controllers/watched.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { PODS, SECRETS } from '../../../operator/kube/resources.ts';
import type { PodAddress } from '../../../operator/pods/control-client.ts';
import type { PodQueue } from '../../../operator/status/fleet-queue.ts';
import type { ReportedTls } from '../../../operator/status/tls-reports.ts';
import { waitFor } from '../../support/wait.ts';

/** Admitted where the Pod Security Standard `restricted` is enforced. */
const RESTRICTED = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    {
      ...{ name: 'mta', image: 'none' },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    },
  ],
};

export class StandIn {
  readonly name: string;
  readonly #fleet: FleetName;
  readonly #client: KubeClient;
  readonly #host: string;
  #server: HttpServer | undefined;
  #port: number;
  #loaded: Pick<ConfigStatus, 'revision' | 'id' | 'resources'> = { revision: 0, resources: {} };
  /** Versions of a config that it says it can read. */
  reads = READABLE_VERSIONS;
  config: MtaConfig | undefined;
  /** What it says of its queue. */
  queue: PodQueue = { messages: 0, damaged: 0, full: false, recipients: { deferred: 0, held: 0 } };
  /** What it says of reports about TLS. */
  tlsReports: ReportedTls = { domains: [] };
  /** How often it was asked what it has loaded. */
  asked = 0;
  /** Why it refuses every config, if it does. */
  refuses: string | undefined;
  readonly drain = new StandInDrain();

  /** @param where it listens: the port of pods, on an address of its own, for an operator that knows no other */
  constructor(client: KubeClient, fleet: FleetName, name: string, where = { host: '127.0.0.1', port: 0 }) {
    this.#client = client;
    this.#fleet = fleet;
    this.name = name;
    this.#host = where.host;
    this.#port = where.port;
  }

  get revision(): number {
    return this.#loaded.revision;
  }

  get address(): PodAddress {
    return { name: this.name, host: this.#host, port: this.#port };
  }

  /** Listens, as soon as there is a certificate for it; and is a ready pod. */
  async start(): Promise<void> {
    const identity = await waitFor(`a certificate for ${this.name}`, () => this.#identity(), {
      timeoutMs: 60_000,
    });
    const kept = new KeptIdentity(() => identity, { clock: systemClock, logger: pino({ enabled: false }) });
    const backend = {
      config: () => {
        this.asked += 1;
        return this.#status();
      },
      load: async (document: unknown) => this.load(document),
      drain: this.drain,
      totals: async () => ({ ...this.queue, isPartial: false }),
      tlsReports: async (days: number) => ({ days, ...this.tlsReports }),
    } as unknown as ControlBackend;
    this.#server = createControlServer(backend, {
      access: { by: 'certificate', identity: kept, fleet: this.#fleet },
    });
    ({ port: this.#port } = await this.#server.listen(this.#host, this.#port));
    const { namespace, name: instance } = this.#fleet;
    const labels = {
      'app.kubernetes.io/name': 'postrider',
      'app.kubernetes.io/component': 'mta',
      'app.kubernetes.io/instance': instance,
      'app.kubernetes.io/managed-by': 'postrider',
    };
    const metadata = { namespace, name: this.name };
    await this.#client.apply(PODS, {
      metadata: { ...metadata, labels },
      spec: RESTRICTED,
    } as KubeObject);
    const status = { podIP: this.#host, conditions: [{ type: 'Ready', status: 'True' }] };
    await this.#client.apply(PODS, { metadata, status } as PodObject, { subresource: 'status' });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }

  /** It has ended, and is gone. */
  async end(): Promise<void> {
    await this.stop();
    const { namespace } = this.#fleet;
    await this.#client.delete(PODS, { namespace, name: this.name });
  }

  /** As over its control port. */
  load(document: unknown): ConfigStatus {
    const config = parseConfig(document);
    if (this.config !== undefined) checkChange(this.config, config);
    if (this.refuses !== undefined) throw new PostriderError('ConfigInvalid', this.refuses);
    this.config = config;
    const { revision, id, resources } = config;
    this.#loaded = { revision, resources, ...(id && { id }) };
    return this.#status();
  }

  #status(): ConfigStatus {
    return { ...this.#loaded, reads: this.reads };
  }

  async #identity(): Promise<Identity | undefined> {
    const { namespace, name } = this.#fleet;
    const secret = await this.#client.get<SecretObject>(SECRETS, { namespace, name: `${name}-identities` });
    const [certificate, key, authority] = [`${this.name}.crt`, `${this.name}.key`, 'ca.crt'].map((file) => {
      const text = secret?.data?.[file];
      return text === undefined ? undefined : Buffer.from(text, 'base64').toString('utf8');
    });
    if (certificate === undefined || key === undefined || authority === undefined) return undefined;
    return { certificate, key, authority };
  }
}

/** What a pod says of its leaving: it has done so as soon as the test has taken its mail away. */
class StandInDrain implements DrainControl {
  messages = 0;
  problems: DrainProblem[] = [];
  claim: Claim | undefined;

  async start(claim: Claim = 'empty'): Promise<DrainStatus> {
    this.claim = claim;
    return this.status();
  }

  async status(): Promise<DrainStatus> {
    if (this.claim === undefined) return { state: 'notDraining' };
    const nothing = { messages: 0, bytes: 0 };
    const { claim, messages, problems } = this;
    const since = '2026-11-29T00:00:00.000Z';
    const about = { mode: 'PerReplica', claim, moved: nothing, since } as const;
    if (messages === 0 || claim === 'released') {
      return { ...about, state: 'drained', proof: { digest: 'sha256:00' } as Proof };
    }
    return {
      ...{ ...about, state: 'draining', messages, bytes: 0, lanes: [], movedPerSecond: nothing },
      ...{ pinned: [], owed: [], problems, left: [] },
    };
  }

  async cancel(): Promise<DrainStatus> {
    this.claim = undefined;
    return this.status();
  }

  async giveUp(): Promise<never> {
    throw new Error('not of this test');
  }
}
