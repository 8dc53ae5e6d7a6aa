/**
 * What others say of an object in events: why a claim has no volume, why a StatefulSet can't make its pods. It stands nowhere else. Asked
 * for only where something is amiss, and then at most every ten seconds; where it can't be had, nothing is known.
 */
import type { Clock } from '../../mta/clock.ts';
import type { ObjectRef } from '../compile/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/resource.ts';
import { EVENTS } from '../kube/resources.ts';

const ASK_MS = 30_000;
/** While nothing was heard yet: it comes some seconds after what it is about. */
const LISTEN_MS = 10_000;
/** What was heard before is over, as a rule. */
const FORGET_MS = 3_600_000;

export interface HeardDeps {
  readonly client: Pick<KubeClient, 'list'>;
  readonly clock: Clock;
  /** What is heard is another than before. Must not throw. */
  readonly onHeard: (fleet: string) => void;
  /** Events could not be read: told once, until they can be. */
  readonly onFailure: (error: unknown) => void;
}

interface Entry {
  readonly askedAt: number;
  readonly note: string | undefined;
}

interface ForeignEvent extends KubeObject {
  readonly type?: string;
  readonly note?: string;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
  readonly deprecatedLastTimestamp?: string | null;
}

export class Heard {
  readonly #deps: HeardDeps;
  readonly #entries = new Map<string, Entry>();
  #isDeaf = false;

  constructor(deps: HeardDeps) {
    this.#deps = deps;
  }

  /** The newest warning about it, as far as is known; what comes later is told. */
  of(fleet: string, object: ObjectRef): string | undefined {
    const { clock } = this.#deps;
    const key = `${object.kind} ${object.namespace} ${object.name}`;
    const entry = this.#entries.get(key);
    const now = clock.monotonic();
    const pause = entry?.note === undefined ? LISTEN_MS : ASK_MS;
    if (entry === undefined || now - entry.askedAt >= pause) {
      this.#entries.set(key, { askedAt: now, note: entry?.note });
      void this.#ask(fleet, key, object);
    }
    return entry?.note;
  }

  async #ask(fleet: string, key: string, { kind, namespace, name }: ObjectRef): Promise<void> {
    const { client, clock, onHeard, onFailure } = this.#deps;
    try {
      const fieldSelector = `regarding.kind=${kind},regarding.name=${name},type=Warning`;
      const { items } = await client.list<ForeignEvent>(EVENTS, { namespace, fieldSelector });
      const note = newest(items, clock.now() - FORGET_MS);
      const { askedAt, note: before } = this.#entries.get(key)!;
      this.#entries.set(key, { askedAt, note });
      this.#isDeaf = false;
      if (note !== before) onHeard(fleet);
    } catch (error) {
      if (!this.#isDeaf) onFailure(error);
      this.#isDeaf = true;
    }
  }
}

export function newest(events: readonly ForeignEvent[], since: number): string | undefined {
  const dated = events
    .map((event) => ({ note: event.note ?? '', at: timeOf(event) }))
    .filter(({ note, at }) => note !== '' && at >= since)
    .sort((one, other) => other.at - one.at);
  return dated[0]?.note;
}

const timeOf = ({ series, eventTime, deprecatedLastTimestamp, metadata }: ForeignEvent): number =>
  Date.parse(
    series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '',
  );
