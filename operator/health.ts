/**
 * The health port of the operator: `/livez`, and `/readyz`, which says of which resources nothing has been seen yet, or nothing has been
 * heard for too long: an operator whose watch is dead looks well, and does nothing.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { Watched } from './controllers/watched.ts';

/** A watch is heard of once a minute, and is tried again for as long as it fails. */
const DEAD_MS = 300_000;

export function createHealthServer(watched: Pick<Watched, 'unsynced' | 'silent'>): FastifyInstance {
  const app = fastify({ requestTimeout: 10_000 });
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
