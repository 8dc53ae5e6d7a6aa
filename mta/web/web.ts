/**
 * The web port: answers for the Policy Hosts of our domains with their MTA-STS policies (RFC 8461 §3.3), and takes TLS reports there
 * (RFC 8460 §5.4). One port for all of them: a client
 * is shown the certificate of the host that it asks for (SNI), and a handshake without one of ours fails. A new config counts from the next
 * handshake and the next request on. Fails to load as a listener does, with `PortInUse`; then everything is as it was.
 */
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { bindError } from '../bind-error.ts';
import type { Clock } from '../clock.ts';
import { type MtaConfig, REPORTS_PATH, type WebPlace } from '../config.ts';
import type { ReportEndpoint } from '../tls-rpt/receive/http.ts';
import { PolicyHosts } from './policy-hosts.ts';
import { RecentContexts } from './recent-contexts.ts';

export interface WebDeps {
  /** A request was answered. */
  readonly onAnswer: (code: number) => void;
  readonly onDefect: (error: unknown) => void;
  readonly clock: Clock;
  /** What becomes of a TLS report. */
  readonly report: ReportEndpoint;
}

interface Running {
  readonly place: WebPlace;
  readonly server: Server;
  readonly app: FastifyInstance;
  /** Those in a handshake among them, which the server doesn't know yet. */
  readonly sockets: ReadonlySet<Socket>;
}

/** Of one process. Whoever asks for a policy does so once a day. */
const MOST_CONNECTIONS = 1000;
/** Of one address: more than a client needs, as many may come from behind one. */
const MOST_FROM_ONE = 100;
const MOST_REQUESTS = 10;
/** A client that reads no answer, and however slowly one reads. */
const SILENT_MS = 30_000;
const LIFE_MS = 120_000;
const HANDSHAKE_MS = 10_000;
const HEADERS_MS = 10_000;
/** A report may be of some size, and its sender slow. */
const REQUEST_MS = 70_000;
const IDLE_MS = 5000;
const TEXT = 'text/plain; charset=utf-8';

export class Web {
  readonly #deps: WebDeps;
  readonly #contexts: RecentContexts;
  #hosts = new PolicyHosts({ domains: [], secrets: {} });
  #running: Running | undefined;

  constructor(deps: WebDeps) {
    this.#deps = deps;
    this.#contexts = new RecentContexts(deps.onDefect);
  }

  async load(config: MtaConfig): Promise<void> {
    const { web } = config;
    const before = this.#running;
    if (web === undefined || !isSame(before?.place, web)) {
      this.#running = web === undefined ? undefined : await this.#start(web);
      await end(before);
    }
    this.#hosts = new PolicyHosts(config);
  }

  /** Takes no more requests, and cuts those that are under way: each is one file. */
  async stop(): Promise<void> {
    const before = this.#running;
    this.#running = undefined;
    await end(before);
  }

  async #start(place: WebPlace): Promise<Running> {
    const app = fastify({
      serverFactory: (handler) => {
        const server = createServer(
          {
            handshakeTimeout: HANDSHAKE_MS,
            headersTimeout: HEADERS_MS,
            requestTimeout: REQUEST_MS,
            keepAliveTimeout: IDLE_MS,
            connectionsCheckingInterval: 1000,
            SNICallback: (name, done) => this.#choose(name, done),
          },
          handler,
        );
        server.maxConnections = MOST_CONNECTIONS;
        server.maxRequestsPerSocket = MOST_REQUESTS;
        server.setTimeout(SILENT_MS);
        return server;
      },
    });
    // A body is read by who is to have it, as far as that wants it: no other route has one.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, body, done) => done(null, body));
    app.all(REPORTS_PATH, async (request, reply) => {
      const host = hostOf(request);
      if (host === undefined || this.#hosts.policy(host) === undefined) return misdirected(reply);
      const { status, text } = await this.#deps.report({
        method: request.method,
        client: request.socket.remoteAddress ?? '',
        contentType: request.headers['content-type'],
        body: request.raw,
      });
      return reply.code(status).type(TEXT).send(`${text}\n`);
    });
    app.get('/.well-known/mta-sts.txt', async (request, reply) => {
      const host = hostOf(request);
      const policy = host === undefined ? undefined : this.#hosts.policy(host);
      if (policy === undefined) return misdirected(reply);
      return reply.type('text/plain').send(policy);
    });
    app.setNotFoundHandler((_request, reply) =>
      reply.code(404).type(TEXT).send('there is /.well-known/mta-sts.txt\n'),
    );
    app.setErrorHandler((error, _request, reply) => {
      const { statusCode = 500 } = error as { statusCode?: number };
      if (statusCode >= 500) this.#deps.onDefect(error);
      return reply.code(statusCode).type(TEXT).send('the request could not be answered\n');
    });
    // What is left of a body is not read.
    app.addHook('onSend', async (request, reply) => {
      if (!request.raw.complete) void reply.header('connection', 'close');
    });
    app.addHook('onResponse', async (_request, reply) => this.#deps.onAnswer(reply.statusCode));
    await app.ready();
    const server = app.server as Server;
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      const { remoteAddress } = socket;
      const fromThere = [...sockets].filter((each) => each.remoteAddress === remoteAddress).length;
      if (fromThere >= MOST_FROM_ONE) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      const cancel = this.#deps.clock.after(LIFE_MS, () => socket.destroy());
      socket.once('close', () => {
        cancel();
        sockets.delete(socket);
      });
    });
    await new Promise<void>((resolve, reject) => {
      const refused = (error: Error) => reject(bindError(error, { name: 'the web port', ...place }));
      server.once('error', refused);
      // Workers share it as they share the ports of listeners.
      server.listen({ host: place.address, port: place.port, reusePort: true }, () => {
        server.removeListener('error', refused);
        resolve();
      });
    });
    return { place, server, app, sockets };
  }

  #choose(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const pair = this.#hosts.pair(name);
    const context = pair && this.#contexts.of(pair.cert, pair.key);
    // Not without a context: Node would go on with one of its own, which has no certificate.
    if (context === undefined) done(new Error(`${name} is not a Policy Host of ours`));
    else done(null, context);
  }
}

/** RFC 9110 §15.5.20: of a name that this connection was not made for. */
const misdirected = (reply: FastifyReply): FastifyReply =>
  reply.code(421).type(TEXT).send('not a Policy Host of this connection\n');

/** The host of a request, where it is the one that the certificate is of. */
function hostOf({ headers, socket }: FastifyRequest): string | undefined {
  const host = headers.host?.replace(/:\d+$/, '').toLowerCase();
  const shown =
    socket instanceof TLSSocket ? (socket as { servername?: string | false }).servername : undefined;
  return typeof shown === 'string' && shown.toLowerCase() === host ? host : undefined;
}

const isSame = (one: WebPlace | undefined, other: WebPlace): boolean =>
  one?.address === other.address && one.port === other.port;

async function end(running: Running | undefined): Promise<void> {
  if (running === undefined) return;
  const closed = new Promise((resolve) => running.server.close(resolve));
  for (const socket of running.sockets) socket.destroy();
  await closed;
  await running.app.close();
}
