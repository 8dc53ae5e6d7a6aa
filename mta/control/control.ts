/**
 * The control port: the config that is loaded and a new one, the queue as JSON, the history. JSON in and out, errors as
 * problem details (RFC 9457). Who may ask is found out before anything of the request is read (access.ts).
 * docs/control-api.md is its reference.
 */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { PostriderError } from '../errors.ts';
import { type ControlAccess, guardOf, keepIdentity, tlsOf } from './access.ts';
import { drainRoutes } from './drain.ts';
import { type HttpServer, httpServer } from './http.ts';
import { PROBLEM_TYPE, problemOf } from './problem.ts';
import {
  action,
  contentQuery,
  historyQuery,
  listQuery,
  noQuery,
  parse,
  reportsQuery,
  selection,
} from './requests.ts';
import type { ControlBackend, QueueAction } from './types.ts';

export interface ControlOptions {
  readonly access: ControlAccess;
  /** Told of errors that are a fault of ours. */
  readonly onDefect?: (error: unknown) => void;
}

/** A config of 5,000 domains with their keys is some 20 MB. */
const LARGEST_CONFIG = 64 * 1024 * 1024;

export function createControlServer(backend: ControlBackend, options: ControlOptions): HttpServer {
  // Requests of the control port take their time: a search of the history, a config of thousands of domains
  const app = fastify({
    requestTimeout: 120_000,
    forceCloseConnections: 'idle',
    bodyLimit: LARGEST_CONFIG,
    routerOptions: { maxParamLength: 256 },
    https: tlsOf(options.access),
    // A path that can't be decoded, or with too long an id: found before there is a route, and so before its hooks.
    frameworkErrors(error, request, reply) {
      try {
        guard(request.raw);
        void answer(error, reply);
      } catch (refused) {
        void answer(refused, reply);
      }
    },
  });

  const guard = guardOf(options.access, app.server);
  const answer = (error: unknown, reply: FastifyReply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) options.onDefect?.(error);
    // RFC 9110 §11.6.1
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  };
  app.addHook('onRequest', async (request) => guard(request.raw));
  app.setErrorHandler((error, _request, reply) => answer(error, reply));
  // JSON alone: what a browser's form can send without being asked is refused.
  app.removeContentTypeParser('text/plain');
  app.setNotFoundHandler((request) => {
    throw new PostriderError('NoSuchResource', `There is no ${request.method} ${request.url.split('?')[0]}`, {
      hint: 'docs/control-api.md has the requests.',
    });
  });

  configRoutes(app, backend);
  queueRoutes(app, backend);
  messageRoutes(app, backend);
  drainRoutes(app, backend.drain);
  keepIdentity(options.access, app.server);
  return httpServer(app, 'control');
}

function configRoutes(app: FastifyInstance, backend: ControlBackend): void {
  app.get('/v1/config', async (request) => {
    parse(noQuery, request.query);
    return backend.config();
  });
  app.put('/v1/config', async (request) => {
    parse(noQuery, request.query);
    return backend.load(request.body);
  });
}

function queueRoutes(app: FastifyInstance, backend: ControlBackend): void {
  app.get('/v1/fleet', async (request) => {
    parse(noQuery, request.query);
    return backend.fleet();
  });
  app.get('/v1/queue', async (request) => {
    parse(noQuery, request.query);
    return backend.queue();
  });
  app.get('/v1/queue/totals', async (request) => {
    parse(noQuery, request.query);
    return backend.totals();
  });
  app.get('/v1/tls-reports', async (request) => backend.tlsReports(parse(reportsQuery, request.query).days));
  app.get('/v1/messages', async (request) => ({
    messages: await backend.messages(defined(parse(listQuery, request.query))),
  }));
  app.get('/v1/history', async (request) => ({
    records: await backend.history(defined(parse(historyQuery, request.query))),
  }));
  app.post<{ Params: { action: string } }>('/v1/messages/:action', async (request) => {
    parse(noQuery, request.query);
    const chosen = action.safeParse(request.params.action);
    if (!chosen.success) {
      throw new PostriderError('NoSuchResource', `Messages can't be told to ${request.params.action}`, {
        hint: 'There is hold, release, retry and remove.',
      });
    }
    const wanted = parse(selection, request.body);
    if ('ids' in wanted) return { changed: await backend.act(chosen.data, { ids: wanted.ids }) };
    const { limit, ...filter } = 'all' in wanted ? { limit: undefined } : wanted;
    return {
      changed: await backend.act(chosen.data, {
        filter: { ...defined(filter), limit: limit ?? Number.MAX_SAFE_INTEGER },
      }),
    };
  });
}

function messageRoutes(app: FastifyInstance, backend: ControlBackend): void {
  type OfMessage = { Params: { id: string } };

  async function act(id: string, what: QueueAction, query: unknown): Promise<{ changed: number }> {
    parse(noQuery, query);
    const changed = await backend.act(what, { ids: [id] });
    if (changed === 0 && (await backend.message(id)) === undefined) throw noSuchMessage(id);
    return { changed };
  }

  app.get<OfMessage>('/v1/messages/:id', async (request) => {
    parse(noQuery, request.query);
    const message = await backend.message(request.params.id);
    if (message === undefined) throw noSuchMessage(request.params.id);
    return message;
  });
  app.get<OfMessage>('/v1/messages/:id/content', async (request, reply) => {
    const { limit } = parse(contentQuery, request.query);
    const content = await backend.content(request.params.id, limit);
    if (content === undefined) throw noSuchMessage(request.params.id);
    // What a stranger sent is never for a browser to show
    return reply
      .type('message/rfc822')
      .header('content-disposition', 'attachment')
      .header('x-content-type-options', 'nosniff')
      .send(content);
  });
  for (const what of ['hold', 'release', 'retry'] as const) {
    app.post<OfMessage>(`/v1/messages/:id/${what}`, (request) => act(request.params.id, what, request.query));
  }
  app.delete<OfMessage>('/v1/messages/:id', (request) => act(request.params.id, 'remove', request.query));
}

function noSuchMessage(id: string): PostriderError {
  return new PostriderError('NoSuchMessage', `There is no message ${id} in the queue`, {
    hint: `What became of it: GET /v1/history?id=${encodeURIComponent(id)}`,
  });
}

/** Without members that are undefined: to the backend a member that is there is a condition. */
function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
