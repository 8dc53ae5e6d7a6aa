import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import type { Limits, Listener } from '../config.ts';
import { systemRandom } from '../random.ts';
import { createListener, type RunningListener } from './listener.ts';
import type { Acceptor } from './types.ts';

const limits = { connections: 10, connectionsPerAddress: 10, sessionSeconds: 60 } as Limits;
const running: RunningListener[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((listener) => listener.stop(0)));
});

function make(port: number, tls: Partial<Listener['tls']> = {}): RunningListener {
  const config = {
    name: 'test',
    address: '127.0.0.1',
    port,
    limits,
    tls: { mode: 'none', required: false, minVersion: 'TLSv1.2', ...tls },
  } as Listener;
  const listener = createListener(
    { config, hostname: 'mx.example.test', secrets: { empty: '' } },
    {
      acceptor: {} as Acceptor,
      clock: systemClock,
      random: systemRandom,
      log: { refused: () => {} },
      connectionShare: 1,
    },
  );
  running.push(listener);
  return listener;
}

describe('createListener', () => {
  it('says what is wrong when the port is in use', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    try {
      await expect(make(port).start()).rejects.toMatchObject({
        code: 'PortInUse',
        message: `127.0.0.1:${port} for listener test is in use by another process`,
        hint: expect.stringContaining('another port'),
      });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('shares its port with the other workers', async () => {
    const { port } = await make(0).start();
    expect(await make(port).start()).toEqual({ port });
  });

  it('stops at once when nobody is connected, and before it has started', async () => {
    const listener = make(0);
    await listener.start();
    await listener.stop(60);
    expect(listener.sessions).toBe(0);
    await make(0).stop(60);
  });

  it.each(['starttls', 'implicit'] as const)(
    'never has TLS (%s) without a certificate of its own',
    (mode) => {
      for (const tls of [{}, { certificate: 'empty', key: 'empty' }, { certificate: 'none', key: 'none' }]) {
        expect(() => make(0, { mode, ...tls })).toThrow(
          expect.objectContaining({ code: 'CertificateInvalid' }),
        );
      }
    },
  );
});
