/** The calls that take a pod away: `/v1/drain`. */
import type { FastifyInstance } from 'fastify';
import type { DrainControl } from './drain-types.ts';
import { noQuery, parse, whatToProve, whoIsGone } from './requests.ts';

export function drainRoutes(app: FastifyInstance, drain: DrainControl): void {
  app.get('/v1/drain', async (request) => {
    parse(noQuery, request.query);
    return drain.status();
  });
  app.post('/v1/drain', async (request) => {
    parse(noQuery, request.query);
    return drain.start(parse(whatToProve, request.body ?? {}).claim);
  });
  app.delete('/v1/drain', async (request) => {
    parse(noQuery, request.query);
    return drain.cancel();
  });
  app.post('/v1/drain/give-up', async (request) => {
    parse(noQuery, request.query);
    return drain.giveUp(parse(whoIsGone, request.body).member);
  });
}
