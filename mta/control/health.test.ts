import { afterEach, describe, expect, it } from 'vitest';
import { PostriderError } from '../errors.ts';
import { createHealthServer } from './health.ts';
import type { HttpServer } from './http.ts';

let servers: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

const state = { live: true, missing: [] as string[], metrics: async () => 'postrider_x 1\n' };

function server(): HttpServer {
  const made = createHealthServer({
    live: () => state.live,
    notReady: () => state.missing,
    metrics: () => state.metrics(),
  });
  servers.push(made);
  return made;
}

describe('createHealthServer', () => {
  it('answers the probes and Prometheus', async () => {
    const { port } = await server().listen('127.0.0.1', 0);
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect((await get('/livez')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const metrics = await get('/metrics');
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await metrics.text()).toBe('postrider_x 1\n');
    expect((await get('/v1/queue')).status).toBe(404);

    state.live = false;
    state.missing = ['worker 2 has no lane', 'port 2525 is not bound'];
    state.metrics = () => Promise.reject(new Error('a secret of the inside'));
    expect((await get('/livez')).status).toBe(503);
    const ready = await get('/readyz');
    expect([ready.status, await ready.text()]).toEqual([
      503,
      'worker 2 has no lane\nport 2525 is not bound\n',
    ]);
    const failed = await get('/metrics');
    expect([failed.status, await failed.text()]).toEqual([503, 'not available\n']);
  });

  it('says which port is in use', async () => {
    const { port } = await server().listen('127.0.0.1', 0);
    const failure = await server()
      .listen('127.0.0.1', port)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PostriderError);
    expect(failure).toMatchObject({ code: 'PortInUse', hint: expect.stringContaining(String(port)) });
  });

  it('says that an address is not this machine’s', async () => {
    const failure = await server()
      .listen('192.0.2.1', 0)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'PortInUse', message: expect.stringContaining('192.0.2.1') });
  });
});
