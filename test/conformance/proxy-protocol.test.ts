/** The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt), from load balancers that a listener names. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const proxyProtocol = { from: ['127.0.0.1'] };
const LINE = 'PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n';
const BINARY = Buffer.concat([
  Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 25]),
]);

describe('a load balancer that is named', () => {
  it.each([
    ['1', Buffer.from(LINE)],
    ['2', BINARY],
  ])('§2: tells the address of its client by version %s, whatever the packets', async (_, header) => {
    for (const size of [header.length, 1, 5]) {
      const server = await serve({ proxyProtocol });
      const wire = await Wire.connect(server.port);
      for (let at = 0; at < header.length; at += size) {
        wire.send(header.subarray(at, at + size));
        if (size < header.length) await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await wire.reply()).code).toBe(220);
      await wire.command('EHLO client.test');
      await wire.startContent();
      expect((await wire.command('x\r\n.')).status).toBe('250 2.0.0');
      expect(server.accepted[0]!.client.address).toBe('192.0.2.7');
    }
  });

  it('§2: may send what its client has sent already in the same packet', async () => {
    const { port } = await serve({ proxyProtocol });
    const wire = await Wire.connect(port);
    wire.send(`${LINE}EHLO client.test\r\nNOOP\r\n`);
    expect((await wire.reply()).code).toBe(220);
    expect(await wire.replies(2)).toEqual(['250', '250 2.0.0']);
  });

  it('§2.2: speaks for itself, to see whether we are well', async () => {
    const { port } = await serve({ proxyProtocol });
    for (const itself of [
      Buffer.from('PROXY UNKNOWN\r\n'),
      Buffer.concat([BINARY.subarray(0, 12), Buffer.from([0x20, 0, 0, 0])]),
    ]) {
      const wire = await Wire.connect(port);
      wire.send(itself);
      expect((await wire.reply()).code).toBe(220);
      expect((await wire.command('QUIT')).code).toBe(221);
    }
  });

  it('has its clients counted and limited each by its own address', async () => {
    const { port } = await serve({ proxyProtocol, limits: { connectionsPerAddress: 1 } });
    const greeting = async (address: string) => {
      const wire = await Wire.connect(port);
      wire.send(LINE.replace('192.0.2.7', address));
      return (await wire.reply()).code;
    };
    expect(await greeting('192.0.2.7')).toBe(220);
    expect(await greeting('192.0.2.8')).toBe(220);
    expect(await greeting('192.0.2.7')).toBe(421);
  });

  it('has no relay by its own address: who is behind it counts', async () => {
    const { port } = await serve({ proxyProtocol, relayFrom: ['192.0.2.0/24'] });
    const relays = async (address: string) => {
      const wire = await Wire.connect(port);
      wire.send(LINE.replace('192.0.2.7', address));
      await wire.reply();
      await wire.command('EHLO client.test');
      return (await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<x@far.test>'))[1];
    };
    expect(await relays('192.0.2.7')).toBe('250 2.1.5');
    expect(await relays('198.51.100.7')).toBe('550 5.7.1');
  });

  it('is closed, and told of in the log, where it sends no header', async () => {
    const server = await serve({ proxyProtocol });
    const wire = await Wire.connect(server.port);
    wire.send('EHLO client.test\r\n');
    expect(await wire.closed()).toBe('');
    await eventually(() => server.refusals.length > 0);
    expect(server.refusals[0]).toMatchObject({ command: 'PROXY', error: { code: 421, blame: 'config' } });
    const silent = await Wire.connect(server.port);
    await new Promise((resolve) => setTimeout(resolve, 50));
    server.clock.advance(10_000);
    expect(await silent.closed()).toBe('');
  });

  it('comes before implicit TLS, which is between its client and us', async () => {
    const { port } = await serve({ proxyProtocol, tls: { mode: 'implicit' } });
    const wire = await Wire.connect(port);
    wire.send(BINARY);
    await wire.startTls();
    expect((await wire.reply()).code).toBe(220);
    expect((await wire.command('EHLO client.test')).code).toBe(250);
  });
});

describe('anybody else', () => {
  it('speaks SMTP, and a header of theirs is a command that nobody knows', async () => {
    const server = await serve({ proxyProtocol: { from: ['192.0.2.1'] } });
    const wire = await Wire.connect(server.port);
    expect((await wire.reply()).code).toBe(220);
    expect((await wire.command(LINE.trimEnd())).status).toBe('500 5.5.2');
    await wire.command('EHLO client.test');
    await wire.startContent();
    await wire.command('x\r\n.');
    expect(server.accepted[0]!.client.address).toBe('127.0.0.1');
  });
});
