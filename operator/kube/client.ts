/**
 * The API server's verbs over raw JSON. Fails with `ApiError` where it refuses, else with the connection's error. Only 429
 * is tried again here, as the server asks for it and has done nothing: whoever works from a queue looks anew anyway.
 */
import type { Clock } from '../../mta/clock.ts';
import { ApiError, isNotFound } from './api-error.ts';
import { withDeadline } from './deadline.ts';
import { apiVersionOf, type KubeObject, type ObjectName, pathOf, type ResourceType } from './resource.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** An answer that takes longer won't come. */
const TIMEOUT_MS = 30_000;
/** How often in a row a 429 is obeyed, and for how long where it doesn't say. */
const PATIENCE = 5;
const BUSY_MS = 1000;
const PAGE = 500;

export interface ClientDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Who owns what is applied: one name for all that one program writes. */
  readonly fieldManager: string;
  /** Told of each answer, for metrics; status 0 where none came. */
  readonly onRequest?: (verb: string, type: ResourceType, status: number, seconds: number) => void;
}

export interface Listed<T> {
  readonly items: readonly T[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export interface Scope {
  /** All where absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export class KubeClient {
  readonly #deps: ClientDeps;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
  }

  /** Undefined where it doesn't exist. */
  async get<T extends KubeObject>(type: ResourceType, name: ObjectName): Promise<T | undefined> {
    try {
      return await this.#call<T>('get', type, { method: 'GET', path: pathOf(type, name) });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** All of them, in pages. A page that comes too late for the list (410) begins it anew, once, in one piece. */
  async list<T extends KubeObject>(type: ResourceType, scope: Scope = {}): Promise<Listed<T>> {
    const items: T[] = [];
    let limit = PAGE;
    let next: string | undefined;
    for (;;) {
      const path = `${pathOf(type, scope)}?${query({
        ...{ labelSelector: scope.labelSelector, fieldSelector: scope.fieldSelector },
        limit: limit === 0 ? undefined : limit,
        continue: next,
      })}`;
      try {
        const page = await this.#call<ListOf<T>>('list', type, { method: 'GET', path });
        items.push(...page.items);
        const { resourceVersion = '', continue: more } = page.metadata;
        if (more === undefined || more === '') return { items, resourceVersion };
        next = more;
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 410 && next !== undefined)) throw error;
        items.length = 0;
        next = undefined;
        limit = 0;
      }
    }
  }

  /** Rejects with a conflict where the name is taken. */
  create<T extends KubeObject>(type: ResourceType, object: T): Promise<T> {
    const path = pathOf(type, { namespace: object.metadata.namespace });
    return this.#call('create', type, {
      method: 'POST',
      path: `${path}?${query({ fieldManager: this.#deps.fieldManager })}`,
      body: JSON.stringify(object),
    });
  }

  /** Replaces the whole object; rejects with a conflict unless its `resourceVersion` is the newest. */
  replace<T extends KubeObject>(type: ResourceType, object: T): Promise<T> {
    return this.#call('update', type, {
      method: 'PUT',
      path: `${pathOf(type, object.metadata)}?${query({ fieldManager: this.#deps.fieldManager })}`,
      body: JSON.stringify(object),
    });
  }

  /**
   * Server-side apply: makes the object so, as far as `object` speaks of it, and makes those fields ours. Fields that we
   * had applied and no longer name go. Where nothing changes, nothing is written.
   *
   * @param force takes fields that others own; else they are a conflict
   */
  apply<T extends KubeObject>(
    type: ResourceType,
    object: T,
    { subresource, force = true }: { readonly subresource?: 'status'; readonly force?: boolean } = {},
  ): Promise<T> {
    const { name, namespace } = object.metadata;
    const path = pathOf(type, { namespace, name, ...(subresource !== undefined && { subresource }) });
    return this.#call('apply', type, {
      method: 'PATCH',
      path: `${path}?${query({ fieldManager: this.#deps.fieldManager, force })}`,
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify({ apiVersion: apiVersionOf(type), kind: type.kind, ...object }),
    });
  }

  /** JSON merge patch (RFC 7396): for single fields that are nobody's to apply, such as a finalizer. */
  patch<T extends KubeObject>(type: ResourceType, name: ObjectName, change: object): Promise<T> {
    return this.#call('patch', type, {
      method: 'PATCH',
      path: `${pathOf(type, name)}?${query({ fieldManager: this.#deps.fieldManager })}`,
      contentType: 'application/merge-patch+json',
      body: JSON.stringify(change),
    });
  }

  /**
   * Resolves also where there is none. What the object owns goes in the background.
   *
   * @param only the one that is meant, as it was seen: another, or a changed one, is a conflict
   */
  async delete(
    type: ResourceType,
    name: ObjectName,
    only?: { readonly uid: string | undefined; readonly resourceVersion?: string | undefined },
  ): Promise<void> {
    try {
      await this.#call('delete', type, {
        method: 'DELETE',
        path: pathOf(type, name),
        body: JSON.stringify({
          ...{ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' },
          ...(only !== undefined && { preconditions: only }),
        }),
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /**
   * What changes after `resourceVersion`, with bookmarks. Ends when the server ends it, which it does after `seconds`; fails with
   * `ApiError` 410 where the version is too old, or the signal's reason.
   */
  async *watch<T extends KubeObject>(
    type: ResourceType,
    scope: Scope,
    { resourceVersion, seconds, signal }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const path = `${pathOf(type, scope)}?${query({
      ...{ watch: true, allowWatchBookmarks: true, timeoutSeconds: seconds },
      ...{ labelSelector: scope.labelSelector, fieldSelector: scope.fieldSelector, resourceVersion },
    })}`;
    const response = await this.#answer('watch', type, { method: 'GET', path, signal });
    let rest = '';
    for await (const chunk of response.body.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const event = JSON.parse(line) as WatchEvent<T> | Failed;
        if (event.type === 'ERROR') {
          const { code = 500, reason = '', message = 'the watch failed' } = event.object;
          throw new ApiError(code, reason, message);
        }
        yield event;
      }
    }
  }

  async #call<T>(verb: string, type: ResourceType, request: Omit<ApiRequest, 'signal'>): Promise<T> {
    const { clock } = this.#deps;
    for (let tries = 1; ; tries += 1) {
      try {
        return await withDeadline(clock, TIMEOUT_MS, 'the API server', async (signal) => {
          const { body } = await this.#answer(verb, type, { ...request, signal });
          return JSON.parse(await textOf(body)) as T;
        });
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 429) || tries === PATIENCE) throw error;
        const wait = error.retryAfterMs ?? BUSY_MS;
        await new Promise<void>((resolve) => void clock.after(wait, resolve));
      }
    }
  }

  /** An answer of success; rejects for every other. */
  async #answer(verb: string, type: ResourceType, request: ApiRequest): Promise<ApiResponse> {
    const { transport, clock, onRequest } = this.#deps;
    const began = clock.monotonic();
    const tell = (status: number) => onRequest?.(verb, type, status, (clock.monotonic() - began) / 1000);
    const response = await transport(request).catch((error: unknown) => {
      tell(0);
      throw error;
    });
    const { status, retryAfter, body } = response;
    tell(status);
    if (status >= 200 && status < 300) return response;
    throw ApiError.from(status, await textOf(body), retryAfter);
  }
}

export interface WatchOptions {
  readonly resourceVersion: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

interface ListOf<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
}

interface Failed {
  readonly type: 'ERROR';
  readonly object: { readonly code?: number; readonly reason?: string; readonly message?: string };
}

async function textOf(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) given.set(name, String(value));
  }
  return given.toString();
}
