/**
 * The health port: `/livez`, `/readyz` and `/metrics`, for the kubelet and Prometheus. Not a word of mail in it: anyone
 * who can reach a pod can read it. Where the metrics can't be had it answers 503.
 */
import fastify from 'fastify';
import { type HttpServer, httpServer } from './http.ts';
import type { ControlBackend } from './types.ts';

const TEXT = 'text/plain; charset=utf-8';
const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export type HealthBackend = Pick<ControlBackend, 'live' | 'notReady' | 'metrics'>;

export function createHealthServer(backend: HealthBackend): HttpServer {
  const app = fastify({ requestTimeout: 30_000, forceCloseConnections: 'idle', bodyLimit: 1024 });

  app.get('/livez', (_request, reply) => {
    const live = backend.live();
    return reply
      .code(live ? 200 : 503)
      .type(TEXT)
      .send(live ? 'ok\n' : 'a worker does not answer\n');
  });

  app.get('/readyz', (_request, reply) => {
    const missing = backend.notReady();
    const text = missing.length === 0 ? 'ok' : missing.join('\n');
    return reply
      .code(missing.length === 0 ? 200 : 503)
      .type(TEXT)
      .send(`${text}\n`);
  });

  app.get('/metrics', async (_request, reply) => reply.type(PROMETHEUS_TEXT).send(await backend.metrics()));

  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).type(TEXT).send('there is /livez, /readyz and /metrics\n'),
  );
  app.setErrorHandler((_error, _request, reply) => reply.code(503).type(TEXT).send('not available\n'));
  return httpServer(app, 'health');
}
