/** MTAs of one namespace with the operator at work on them, in this process, and what a test asks of them. */
import { pino } from 'pino';
import { systemClock } from '../../../mta/clock.ts';
import { systemRandom } from '../../../mta/random.ts';
import { Operator } from '../../../operator/controllers/operator.ts';
import type { OwnObject } from '../../../operator/controllers/watched.ts';
import { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject, ResourceType } from '../../../operator/kube/resource.ts';
import { NAMESPACES, OWN_KINDS } from '../../../operator/kube/resources.ts';
import { waitFor } from '../../support/wait.ts';
import type { ControlPlane } from './control-plane.ts';
import { installCrds } from './crds.ts';

const MTA = OWN_KINDS.get('MTA')!;

export const SMTP_LISTENER = { name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } };

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

export class Operated {
  readonly namespace = 'mail';
  readonly client: KubeClient;
  readonly #plane: ControlPlane;
  #operator: Operator | undefined;
  /** Requests of the operator that write: verb and resource. */
  writes: string[] = [];

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.client = plane.client();
  }

  /** With our CRDs, and a namespace for the fleets. */
  static async start(plane: ControlPlane): Promise<Operated> {
    const operated = new Operated(plane);
    await installCrds(operated.client);
    await operated.client.create(NAMESPACES, { metadata: { name: operated.namespace } });
    await operated.restart();
    return operated;
  }

  /** Another operator, after the one before has ended. */
  async restart(): Promise<void> {
    await this.stop();
    const writes: string[] = [];
    this.writes = writes;
    const operator = new Operator({
      client: new KubeClient({
        ...{ transport: this.#plane.transport(), clock: systemClock, fieldManager: 'postrider' },
        onRequest(verb, { plural }) {
          if (!['get', 'list', 'watch'].includes(verb)) writes.push(`${verb} ${plural}`);
        },
      }),
      ...{ clock: systemClock, random: systemRandom, logger: pino({ enabled: false }) },
      settings: { image: 'mta', operator: { namespace: 'postrider', labels: { app: 'operator' } } },
    });
    this.#operator = operator;
    operator.watch();
    await operator.lead();
  }

  async stop(): Promise<void> {
    await this.#operator?.stop();
  }

  /** An MTA with what it needs, and `spec` over that. */
  apply(name: string, spec: object): Promise<KubeObject> {
    return this.client.apply(MTA, {
      metadata: { namespace: this.namespace, name },
      spec: { hostname: 'mail.example.test', listeners: [SMTP_LISTENER], ...spec },
    } as KubeObject);
  }

  get<T>(type: ResourceType, name: string): Promise<(KubeObject & T) | undefined> {
    return this.client.get<KubeObject & T>(type, { namespace: this.namespace, name });
  }

  there<T>(type: ResourceType, name: string): Promise<KubeObject & T> {
    return waitFor(`${type.kind} ${name}`, () => this.get<T>(type, name));
  }

  gone(type: ResourceType, name: string): Promise<boolean> {
    return waitFor(`${type.kind} ${name} to be gone`, async () => (await this.get(type, name)) === undefined);
  }

  /** Waits until the MTA, as it is now, has such a condition. */
  becomes(
    name: string,
    type: string,
    status: string,
    reason: string,
    timeoutMs = 20_000,
  ): Promise<Condition> {
    return waitFor(
      `${name} to be ${type}=${status} ${reason}`,
      async () => {
        const { metadata, status: said } = (await this.get<OwnObject>(MTA, name))!;
        const conditions = (said?.['conditions'] ?? []) as readonly Condition[];
        const found = conditions.find((each) => each.type === type);
        const is = found?.status === status && found.reason === reason;
        return is && found.observedGeneration === metadata.generation ? found : undefined;
      },
      { timeoutMs, everyMs: 50 },
    );
  }

  /** No write for a while: everything that was to be done has been. */
  async quiet(): Promise<void> {
    let [before, since] = [-1, 0];
    await waitFor('the operator to be done', () => {
      if (this.writes.length !== before) [before, since] = [this.writes.length, performance.now()];
      return performance.now() - since > 1500;
    });
  }
}
