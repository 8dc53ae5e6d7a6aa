/**
 * The health port of the operator: `/livez`, `/metrics`, and `/readyz`, which says of which resources nothing has been seen yet, or nothing has been
 * heard for too long: an operator whose watch is dead looks well, and does nothing.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { Watched } from './controllers/watched.ts';
import type { OperatorMetrics } from './metrics.ts';

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
/** A watch is heard of once a minute, and is tried again for as long as it fails. */
const DEAD_MS = 300_000;

export function createHealthServer(
  watched: Pick<Watched, 'unsynced' | 'silent'>,
  metrics: Pick<OperatorMetrics, 'text'>,
): FastifyInstance {
  const app = fastify({ requestTimeout: 10_000 });
  app.get('/metrics', async (_request, reply) => reply.type(PROMETHEUS_TEXT).send(await metrics.text()));
  app.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', (_request, reply) => {
    const missing = [
      ...watched.unsynced.map((resource) => `${resource} have not been listed yet`),
      ...watched
        .silent(DEAD_MS)
        .map((resource) => `nothing was heard of ${resource} for ${DEAD_MS / 1000} s`),
    ];
    const text = missing.length === 0 ? 'ok\n' : `${missing.join('\n')}\n`;
    return reply
      .code(missing.length === 0 ? 200 : 503)
      .type('text/plain')
      .send(text);
  });
  return app;
}
