/** Events in both directions: those of our kinds are written as their statuses change, and what others say of a fleet's objects is heard. */
import type { Logger } from 'pino';
import type { Clock } from '../../mta/clock.ts';
import type { ObjectRef } from '../compile/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/resource.ts';
import type { OperatorMetrics } from '../metrics.ts';
import type { Condition } from '../status/conditions.ts';
import { Heard } from './heard.ts';
import { transitions } from './transitions.ts';
import { EventWriter } from './writer.ts';

export interface NewsDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<OperatorMetrics, 'event'>;
  readonly instance: string;
  /** The status of a fleet's MTA may be another now. */
  readonly onHeard: (fleet: string) => void;
}

export class News {
  readonly #writer: EventWriter;
  readonly #heard: Heard;
  /** By uid: of whom an event has told that something is wrong. */
  readonly #troubled = new Set<string>();

  constructor({ client, clock, logger, metrics, instance, onHeard }: NewsDeps) {
    this.#writer = new EventWriter({
      ...{ client, clock, instance },
      onResult(result, error) {
        metrics.event(result);
        if (result === 'failed') logger.warn({ err: error }, 'event could not be written');
      },
    });
    this.#heard = new Heard({
      ...{ client, clock, onHeard },
      onFailure: (error) => logger.warn({ err: error }, 'events could not be read'),
    });
  }

  heardOf(fleet: string, of: ObjectRef): string | undefined {
    return this.#heard.of(fleet, of);
  }

  /** A status was written. @param object as it was before */
  tell(
    kind: string,
    object: KubeObject & { readonly status?: unknown },
    status: Record<string, unknown>,
  ): void {
    const { uid = '' } = object.metadata;
    const [before, after] = [object.status, status].map((each) => conditionsIn(each));
    const { events, isTroubled } = transitions(kind, before!, after!, this.#troubled.has(uid));
    if (isTroubled) this.#troubled.add(uid);
    else this.#troubled.delete(uid);
    for (const event of events) this.#writer.tell(kind, object, event);
  }
}

const conditionsIn = (status: unknown): readonly Condition[] =>
  (status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
