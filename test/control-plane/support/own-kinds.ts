/** Our kinds in a test: as people write them, and what they see of them on an API server: conditions and events. */
import type { OwnObject } from '../../../operator/controllers/watched.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { EVENTS, OWN_KINDS } from '../../../operator/kube/resources.ts';
import { waitFor } from '../../support/wait.ts';

/** A bound for what takes a second: machines may be slow, and shared by many. */
export const SLOW_MS = 60_000;

export interface SeenCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

export interface SeenEvent extends KubeObject {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly name: string; readonly uid: string };
  readonly series?: { readonly count: number };
}

/** Of MailDomains and MailRelays of the MTA `mta`. */
export const mtaRefs = [{ name: 'mta' }];

export const domainSpec = (domain: string, more: object = {}) => ({
  ...{ mtaRefs, domain, target: { type: 'LMTP', lmtp: { hosts: [{ host: 'inbox.example' }] } } },
  ...more,
});

export const relaySpec = (more: object = {}) => ({
  ...{ mtaRefs, match: { recipientDomains: ['*'] }, hosts: [{ host: 'smart.example' }] },
  ...more,
});

export const conditionIn = (object: OwnObject | undefined, type: string): SeenCondition | undefined =>
  ((object?.status?.['conditions'] ?? []) as readonly SeenCondition[]).find((each) => each.type === type);

/** In namespace `mail`. */
export class OwnKinds {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  apply(
    kind: string,
    name: string,
    spec: object,
    annotations: Record<string, string> = {},
  ): Promise<KubeObject> {
    const metadata = { namespace: 'mail', name, annotations };
    return this.#client.apply(OWN_KINDS.get(kind)!, { metadata, spec } as KubeObject);
  }

  get(kind: string, name: string): Promise<OwnObject | undefined> {
    return this.#client.get<OwnObject>(OWN_KINDS.get(kind)!, { namespace: 'mail', name });
  }

  delete(kind: string, name: string): Promise<void> {
    return this.#client.delete(OWN_KINDS.get(kind)!, { namespace: 'mail', name });
  }

  /** @param wanted `Ready=False/SecretNotFound`, or without the reason; of the newest generation */
  becomes(kind: string, name: string, wanted: string, timeoutMs = SLOW_MS): Promise<SeenCondition> {
    const [, type, status, reason] = /^(\w+)=(\w+)(?:\/(\w+))?$/.exec(wanted)!;
    let last: OwnObject | undefined;
    return waitFor(
      `${kind} ${name} to be ${wanted}`,
      async () => {
        last = await this.get(kind, name);
        const found = conditionIn(last, type!);
        if (found === undefined || found.observedGeneration !== last!.metadata.generation) return undefined;
        return found.status === status && (reason === undefined || found.reason === reason) && found;
      },
      { timeoutMs, everyMs: 50 },
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last?.status)}`);
    });
  }

  async events(kind: string, name: string): Promise<readonly SeenEvent[]> {
    const fieldSelector = `regarding.kind=${kind},regarding.name=${name}`;
    return (await this.#client.list<SeenEvent>(EVENTS, { namespace: 'mail', fieldSelector })).items;
  }

  /** Waits for an event with that reason. */
  told(kind: string, name: string, reason: string): Promise<SeenEvent> {
    return waitFor(
      `an event ${reason} of ${kind} ${name}`,
      async () => (await this.events(kind, name)).find((event) => event.reason === reason),
      { timeoutMs: SLOW_MS },
    );
  }
}
