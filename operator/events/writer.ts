/**
 * Writes events, so that `kubectl describe` shows what happened. It never fails and never makes anybody wait: what can't be written after
 * some tries is dropped, and so is what comes too fast. The same event again, within a while, is the same object with a
 * higher count.
 */
import { API_VERSION } from '../../crds/kind.ts';
import type { Clock } from '../../mta/clock.ts';
import { isNotFound } from '../kube/api-error.ts';
import type { KubeClient } from '../kube/client.ts';
import { type KubeObject, keyOf, microTime } from '../kube/resource.ts';
import { EVENTS } from '../kube/resources.ts';
import type { EventDraft } from './transitions.ts';

/** The same event within this is one that happened again. */
const SERIES_MS = 600_000;
/** Least time between two writes of one series. */
const REPEAT_MS = 60_000;
/** Of one object: so many at once, and one more after each pause. */
const BURST = 10;
const REFILL_MS = 30_000;
/** What waits to be written. */
const LONGEST_QUEUE = 1000;
const AT_ONCE = 4;
const TRIES = 3;
const RETRY_MS = 1000;
/** Objects and series that are remembered. */
const MOST_REMEMBERED = 10_000;
/** As the API has it. */
const LONGEST_NOTE = 1024;

export type EventResult = 'written' | 'repeated' | 'limited' | 'failed';

export interface EventWriterDeps {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  readonly clock: Clock;
  /** Of this process. */
  readonly instance: string;
  readonly onResult: (result: EventResult, error?: unknown) => void;
}

interface Series {
  readonly namespace: string;
  readonly name: string;
  count: number;
  last: number;
  written: number;
}

export class EventWriter {
  readonly #deps: EventWriterDeps;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #made = 0;

  constructor(deps: EventWriterDeps) {
    this.#deps = deps;
  }

  /** @param object that it is about, with its uid */
  tell(kind: string, object: KubeObject, draft: EventDraft): void {
    const { clock, onResult } = this.#deps;
    const { uid, namespace = '', name } = object.metadata;
    const now = clock.monotonic();
    const key = `${uid} ${draft.type} ${draft.reason} ${draft.note}`;
    const series = this.#series.get(key);
    if (series !== undefined && now - series.last < SERIES_MS) {
      series.count += 1;
      series.last = now;
      if (now - series.written >= REPEAT_MS) {
        series.written = now;
        this.#enqueue(() => this.#repeat(key, series));
      }
      onResult('repeated');
      return;
    }
    if (!this.#mayTell(uid ?? keyOf({ namespace, name }), now)) {
      onResult('limited');
      return;
    }
    const event = this.#eventOf(kind, object, draft);
    remember(this.#series, key, {
      ...{ namespace, name: event.metadata.name },
      ...{ count: 1, last: now, written: now },
    });
    this.#enqueue(async () => {
      await this.#deps.client.create(EVENTS, event);
      onResult('written');
    });
  }

  #mayTell(object: string, now: number): boolean {
    const { tokens, at } = this.#buckets.get(object) ?? { tokens: BURST, at: now };
    const left = Math.min(BURST, tokens + (now - at) / REFILL_MS);
    remember(this.#buckets, object, { tokens: left >= 1 ? left - 1 : left, at: now });
    return left >= 1;
  }

  #eventOf(kind: string, { metadata }: KubeObject, { type, reason, action, note }: EventDraft): KubeObject {
    const { name, namespace = '', uid, resourceVersion } = metadata;
    const { clock, instance } = this.#deps;
    this.#made += 1;
    // As client-go has it: the object's name, and a number that no other event has.
    const number = `${Math.floor(clock.now()).toString(16)}${(this.#made % 65_536).toString(16).padStart(4, '0')}`;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, 220).replace(/[-.]+$/, '')}.${number}` },
      ...{ eventTime: microTime(clock.now()), type, reason, action },
      note: note.length > LONGEST_NOTE ? `${note.slice(0, LONGEST_NOTE - 1)}…` : note,
      ...{ reportingController: 'postrider.dev/operator', reportingInstance: instance.slice(0, 128) },
      regarding: { apiVersion: API_VERSION, kind, name, namespace, uid, resourceVersion },
    } as KubeObject;
  }

  async #repeat(key: string, { namespace, name, count }: Series): Promise<void> {
    const { client, clock } = this.#deps;
    try {
      const lastObservedTime = microTime(clock.now());
      await client.patch(EVENTS, { namespace, name }, { series: { count, lastObservedTime } });
    } catch (error) {
      // It has expired: the next one is a new one.
      if (isNotFound(error)) this.#series.delete(key);
      else throw error;
    }
  }

  #enqueue(write: () => Promise<void>): void {
    if (this.#waiting.length >= LONGEST_QUEUE) {
      this.#deps.onResult('limited');
      return;
    }
    this.#waiting.push(write);
    this.#pump();
  }

  #pump(): void {
    while (this.#running < AT_ONCE && this.#waiting.length > 0) {
      this.#running += 1;
      void this.#write(this.#waiting.shift()!);
    }
  }

  async #write(write: () => Promise<void>): Promise<void> {
    const { clock, onResult } = this.#deps;
    for (let tries = 1; ; tries += 1) {
      try {
        await write();
        break;
      } catch (error) {
        if (tries === TRIES) {
          onResult('failed', error);
          break;
        }
        await new Promise<void>((resolve) => void clock.after(RETRY_MS * 2 ** tries, resolve));
      }
    }
    this.#running -= 1;
    this.#pump();
  }
}

/** The oldest go where there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value!);
}
