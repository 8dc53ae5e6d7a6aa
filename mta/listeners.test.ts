import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import type { Listener, MtaConfig } from './config.ts';
import type { Acceptor } from './listen/types.ts';
import { Listeners } from './listeners.ts';
import { systemRandom } from './random.ts';
import { testConfig } from './route/testing/config.ts';
import { freePort, testListener } from './testing/listener.ts';

const open: Listeners[] = [];
afterEach(async () => {
  for (const listeners of open.splice(0)) await listeners.stop(0);
});

function listenersOf(): Listeners {
  const listeners = new Listeners({
    acceptor: { connect: () => {} } as unknown as Acceptor,
    clock: systemClock,
    random: systemRandom,
    log: { refused: () => {} },
    onDefect: (error) => {
      throw error;
    },
  });
  open.push(listeners);
  return listeners;
}

const configOf = (...listeners: Listener[]): MtaConfig => testConfig({ listeners });

/** The greeting at a port, or undefined where nobody listens. */
function greeting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    socket.once('error', () => resolve(undefined));
  });
}

describe('Listeners', () => {
  it('opens what the config names', async () => {
    const port = await freePort();
    await listenersOf().load(configOf(testListener({ port })), 1);
    expect(await greeting(port)).toMatch(/^220 mx\.ours\.test/);
  });

  it('moves a listener: to the new port, and away from the old one', async () => {
    const [before, after] = [await freePort(), await freePort()];
    const listeners = listenersOf();
    await listeners.load(configOf(testListener({ port: before })), 1);
    await listeners.load(configOf(testListener({ port: after })), 1);
    expect(await greeting(after)).toMatch(/^220/);
    expect(await greeting(before)).toBeUndefined();
  });

  it('renews the settings of one that stays, without closing it', async () => {
    const port = await freePort();
    const listeners = listenersOf();
    await listeners.load(configOf(testListener({ port })), 1);
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('data', resolve));
    await listeners.load(configOf(testListener({ port, hostname: 'new.ours.test' })), 1);
    expect(await greeting(port)).toMatch(/^220 new\.ours\.test/);
    expect(listeners.sessions()).toMatchObject([{ listener: 'smtp' }]);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  it('speaks another protocol with who comes anew, and sends away who began with the other', async () => {
    const port = await freePort();
    const listeners = listenersOf();
    await listeners.load(configOf(testListener({ port })), 1);
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    await new Promise((resolve) => socket.once('data', resolve));
    const last = new Promise((resolve) => socket.once('data', resolve));
    await listeners.load(configOf(testListener({ port, role: 'lmtp' })), 1);
    expect(await last).toMatch(/^421 4\.3\.2/);
    expect(await greeting(port)).toMatch(/^220 mx\.ours\.test LMTP/);
    socket.destroy();
  });

  it('leaves everything as it was where one of them can not be opened', async () => {
    const [kept, moved, wanted] = [await freePort(), await freePort(), await freePort()];
    const listeners = listenersOf();
    const a = testListener({ name: 'a', port: kept });
    const b = testListener({ name: 'b', port: moved });
    await listeners.load(configOf(a, b), 1);
    const next = configOf(
      { ...a, hostname: 'new.ours.test' },
      { ...b, port: wanted },
      testListener({ name: 'c', address: '192.0.2.1', port: wanted }),
    );
    await expect(listeners.load(next, 1)).rejects.toMatchObject({ code: 'PortInUse' });
    expect(await greeting(kept)).toMatch(/^220 mx\.ours\.test/);
    expect(await greeting(moved)).toMatch(/^220 mx\.ours\.test/);
    expect(await greeting(wanted)).toBeUndefined();
  });
});
