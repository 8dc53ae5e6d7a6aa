/** MTAs of one namespace with the operator at work on them, in this process, and what a test asks of them. */
import type { Operator } from '../../../operator/controllers/operator.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject, ResourceType } from '../../../operator/kube/resource.ts';
import { NAMESPACES } from '../../../operator/kube/resources.ts';
import { waitFor } from '../../support/wait.ts';
import type { ControlPlane } from './control-plane.ts';
import { installCrds } from './crds.ts';
import { OwnKinds, type SeenCondition } from './own-kinds.ts';
import { runOperator } from './run-operator.ts';

export const SMTP_LISTENER = { name: 'smtp', role: 'SMTP', port: 2525, tls: { mode: 'None' } };

/** What an MTA says that lacks nothing but what no controller is there to make: volumes, and pods. */
export const WELL = 'Ready=False/VolumePending';

export class Operated {
  readonly namespace = 'mail';
  readonly client: KubeClient;
  readonly #own: OwnKinds;
  readonly #plane: ControlPlane;
  #operator: Operator | undefined;
  /** Requests of the operator that write: verb and resource. */
  writes: string[] = [];

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.client = plane.client();
    this.#own = new OwnKinds(this.client);
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
    this.#operator = await runOperator(this.#plane.transport(), {
      onWrite: (write) => writes.push(write),
    });
  }

  async stop(): Promise<void> {
    await this.#operator?.stop();
  }

  /** An MTA with what it needs, and `spec` over that. */
  apply(name: string, spec: object): Promise<KubeObject> {
    return this.#own.apply('MTA', name, {
      ...{ hostname: 'mail.example.test', listeners: [SMTP_LISTENER] },
      ...spec,
    });
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

  /** Waits for a condition of an MTA as it is now. @param wanted `Ready=False/ObjectRefused` */
  becomes(name: string, wanted: string, timeoutMs?: number): Promise<SeenCondition> {
    return this.#own.becomes('MTA', name, wanted, timeoutMs);
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
