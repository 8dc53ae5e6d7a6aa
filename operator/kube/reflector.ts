/**
 * Keeps a cache equal to what the API server has: a list, and a watch from there on. It never gives up. A watch that ends goes on
 * from the version it had; one that is too old, and now and then any, begins with a list again; a failure is tried again after a
 * jittered pause that grows. A watch that is silent for longer than bookmarks are apart is cut: its connection may be dead.
 */
import type { Clock } from '../../mta/clock.ts';
import type { Random } from '../../mta/random.ts';
import { isForbidden, isGone, isNotFound } from './api-error.ts';
import { backOff } from './back-off.ts';
import { Cache } from './cache.ts';
import type { KubeClient, Listed, Scope, WatchEvent } from './client.ts';
import { Pause } from './pause.ts';
import { type KubeObject, keyOf, type ResourceType } from './resource.ts';

/** The server ends a watch after this, up to twice as long: so that not all come back at once. */
const WATCH_SECONDS = 300;
/** Bookmarks come about once a minute. */
const SILENCE_MS = 150_000;
const RELIST_MS = 3_600_000;
/** A watch that ends sooner, with nothing in it, is none. */
const LEAST_MS = 1000;
const PAUSES = { firstMs: 500, longestMs: 30_000 };
/** How often it is asked whether a kind is there by now that needn't be. */
const ABSENT_MS = 30_000;

export interface ReflectorDeps {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each failure, with the resource: it goes on by itself. */
  readonly onFailure: (error: unknown, type: ResourceType) => void;
  /** Told when a kind is there that wasn't. */
  readonly onInstalled?: (type: ResourceType) => void;
}

export class Reflector<T extends KubeObject> {
  readonly type: ResourceType;
  readonly cache = new Cache<T>();
  readonly #deps: ReflectorDeps;
  readonly #scope: Scope;
  readonly #reduce: (object: T) => T;
  readonly #isOptional: boolean;
  readonly #stop = new AbortController();
  readonly #pause: Pause;
  #running: Promise<void> | undefined;
  #synced = false;
  #isAbsent = false;
  #lastSeen: number;
  #resourceVersion = '';
  #listedAt = -Infinity;
  #failures = 0;

  /**
   * @param reduce what of an object is kept: a cache of all Secrets needn't hold what nobody reads
   * @param isOptional the API server needn't know the kind, nor let us see it: there are none of it, then, until it does
   */
  constructor(
    deps: ReflectorDeps,
    type: ResourceType,
    scope: Scope = {},
    reduce: (object: T) => T = (object) => object,
    isOptional = false,
  ) {
    this.#deps = deps;
    this.type = type;
    this.#scope = scope;
    this.#reduce = reduce;
    this.#isOptional = isOptional;
    this.#lastSeen = deps.clock.monotonic();
    this.#pause = new Pause(deps.clock);
  }

  /** Whether there has been a whole list. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Milliseconds since the server was last heard of: an answer, an event, a bookmark. */
  get silentFor(): number {
    return this.#deps.clock.monotonic() - this.#lastSeen;
  }

  /**
   * As a write of ours has made it. One that isn't known (any more) is the watch's to tell: it may be gone by now. A write also shows that
   * the kind is there: where it wasn't, it is asked for at once.
   */
  take(object: T): void {
    if (this.#isAbsent) this.#pause.end();
    const seen = this.cache.get(keyOf(object.metadata));
    if (seen?.metadata.uid === object.metadata.uid) this.cache.put(this.#kept(object));
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    this.#pause.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#deps.clock.monotonic() - this.#listedAt > RELIST_MS) await this.#list();
        await this.#watch();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (this.#isOptional && (isNotFound(error) || isForbidden(error))) await this.#absent();
        else await this.#failed(error);
      }
    }
  }

  async #list(): Promise<void> {
    const { items, resourceVersion }: Listed<T> = await this.#deps.client.list(this.type, this.#scope);
    if (this.#stop.signal.aborted) return;
    this.#heard();
    this.cache.replace(items.map((object) => this.#kept(object)));
    this.#resourceVersion = resourceVersion;
    this.#listedAt = this.#lastSeen;
    this.#synced = true;
    if (this.#isAbsent) this.#deps.onInstalled?.(this.type);
    this.#isAbsent = false;
  }

  async #watch(): Promise<void> {
    const { client, clock, random } = this.#deps;
    const cut = new AbortController();
    let cancel: () => void = () => undefined;
    const listen = (): void => {
      cancel();
      cancel = clock.after(SILENCE_MS, () =>
        cut.abort(new Error(`nothing was heard for ${SILENCE_MS / 1000} s`)),
      );
    };
    const signal = AbortSignal.any([cut.signal, this.#stop.signal]);
    const began = clock.monotonic();
    let events = 0;
    const seconds = Math.round(WATCH_SECONDS * (1 + random.fraction()));
    listen();
    try {
      const options = { resourceVersion: this.#resourceVersion, seconds, signal };
      for await (const event of client.watch<T>(this.type, this.#scope, options)) {
        listen();
        events += 1;
        this.#heard();
        this.#happened(event);
      }
      if (events === 0 && clock.monotonic() - began < LEAST_MS) throw new Error('the watch ended at once');
      this.#heard();
    } catch (error) {
      throw cut.signal.aborted ? cut.signal.reason : error;
    } finally {
      cancel();
    }
  }

  #happened({ type, object }: WatchEvent<T>): void {
    const { resourceVersion } = object.metadata;
    if (type === 'DELETED') this.cache.remove(keyOf(object.metadata));
    else if (type !== 'BOOKMARK') this.cache.put(this.#kept(object));
    if (resourceVersion !== undefined) this.#resourceVersion = resourceVersion;
  }

  /** Who owns which field is half of many objects, and never read. */
  #kept(object: T): T {
    const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
    return this.#reduce({ ...object, metadata });
  }

  #heard(): void {
    this.#lastSeen = this.#deps.clock.monotonic();
    this.#failures = 0;
  }

  async #failed(error: unknown): Promise<void> {
    const { random, onFailure } = this.#deps;
    onFailure(error, this.type);
    if (isGone(error)) this.#listedAt = -Infinity;
    const wait = backOff(PAUSES, this.#failures, random);
    this.#failures += 1;
    await this.#pause.for(wait);
  }

  /** The kind is not installed, or not any more. Who asks for one of it will hear why there is none. */
  async #absent(): Promise<void> {
    this.#heard();
    this.cache.replace([]);
    this.#listedAt = -Infinity;
    this.#synced = true;
    this.#isAbsent = true;
    await this.#pause.for(ABSENT_MS);
  }
}
