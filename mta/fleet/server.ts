/**
 * Where the other members call: TLS 1.3, with a certificate of the fleet's authority on both sides. Whoever has none
 * never gets to HTTP; whoever has one that names no member of this fleet is answered 403 before anything of the request
 * is read. Errors are problem details (RFC 9457).
 */
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { type HttpServer, httpServer } from '../control/http.ts';
import { PROBLEM_TYPE, problemOf } from '../control/problem.ts';
import { PostriderError } from '../errors.ts';
import { encode, readJson } from './body.ts';
import type { FleetName } from './hosts.ts';
import { type Identity, memberOf, mutualTls, renewTls } from './identity.ts';
import type { FleetHandler, MemberName } from './types.ts';
import { FLEET_VERSION, peerVersion, VERSION_HEADER } from './version.ts';

export interface FleetServer extends HttpServer {
  /** For connections from now on; those that are idle are closed. */
  identify(identity: Identity): void;
  route(path: string, handler: FleetHandler): void;
}

export interface FleetServerOptions {
  readonly fleet: FleetName;
  readonly identity: Identity;
  /** Told of each call that is let in. */
  readonly onCall: (from: MemberName, version: number) => void;
  readonly onDefect: (error: unknown) => void;
}

/** A connection on which nothing moves for so long is closed: longer than any caller waits. */
const IDLE_MS = 120_000;
const HANDSHAKE_MS = 10_000;
const MOST_CONNECTIONS = 4096;

export function createFleetServer(options: FleetServerOptions): FleetServer {
  const handlers = new Map<string, FleetHandler>();
  const app = fastify({
    https: { ...mutualTls(options.identity), handshakeTimeout: HANDSHAKE_MS },
    connectionTimeout: IDLE_MS,
    requestTimeout: 0,
    forceCloseConnections: true,
  });
  app.server.maxConnections = MOST_CONNECTIONS;

  const refuse = (error: unknown, reply: FastifyReply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) options.onDefect(error);
    return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  };
  app.addHook('onRequest', async (request, reply) => {
    void reply.header(VERSION_HEADER, String(FLEET_VERSION));
    const from = caller(request, options.fleet);
    options.onCall(from, peerVersion(request.headers[VERSION_HEADER]));
  });
  app.setErrorHandler((error, _request, reply) => refuse(error, reply));
  app.setNotFoundHandler((request, reply) =>
    refuse(new PostriderError('NoSuchResource', `members don't answer ${request.method} there`), reply),
  );
  // Handlers take the body as it comes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, body, done) => done(null, body));

  app.post('/*', async (request, reply) => {
    const path = request.url.split('?')[0]!;
    const handler = handlers.get(path);
    if (handler === undefined) throw new PostriderError('NoSuchResource', `members don't answer ${path}`);
    const body = (request.body ?? request.raw) as Readable;
    const answer = await handler({
      from: caller(request, options.fleet),
      query: request.query as Record<string, string>,
      body,
      json: (largest) => readJson(body, largest),
    });
    const encoded = encode(answer);
    return reply.type(encoded.type).send(encoded.body);
  });

  return {
    ...httpServer(app, 'peers'),
    identify: (identity) => renewTls(app.server, identity),
    route(path, handler) {
      if (handlers.has(path)) throw new Error(`${path} has a handler already`);
      handlers.set(path, handler);
    },
  };
}

function caller(request: FastifyRequest, fleet: FleetName): MemberName {
  const certificate = (request.raw.socket as TLSSocket).getPeerX509Certificate();
  const name = certificate === undefined ? undefined : memberOf(certificate, fleet);
  if (name !== undefined) return name;
  throw new PostriderError('MemberRefused', 'the certificate is for no member of this fleet');
}
