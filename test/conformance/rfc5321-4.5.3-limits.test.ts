/** RFC 5321 §4.5.3.1 sizes and §4.5.3.2 timeouts, and the limits of our own that end what would never end. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

describe('RFC 5321 §4.5.3.1.4: command lines', () => {
  it('takes 512 octets with CRLF, and refuses 513 with 500', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(await wire.dialogue(`NOOP ${'x'.repeat(505)}`, `NOOP ${'x'.repeat(506)}`, 'NOOP')).toEqual([
      '250 2.0.0',
      '500 5.5.2',
      '250 2.0.0',
    ]);
  });

  it('MAIL has room for its extensions', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    const spaces = ' '.repeat(400);
    expect((await wire.command(`MAIL FROM:<${'x'.repeat(200)}@a.test>${spaces}SIZE=1`)).status).toBe(
      '250 2.1.0',
    );
  });

  it('a line of 10 MB is refused with 500, and the memory for it never grows', async () => {
    const { port } = await serve({ limits: { sessionBytes: 0 } });
    const wire = await Wire.hello(port);
    const before = process.memoryUsage().arrayBuffers;
    const block = Buffer.alloc(100_000, 'x');
    let most = 0;
    for (let i = 0; i < 100; i += 1) {
      await wire.sendAll(block);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    wire.send('\r\n');
    expect((await wire.reply()).status).toBe('500 5.5.2');
    expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
    expect(most).toBeLessThan(20_000_000);
  });
});

describe('RFC 5321 §4.5.3.1.6: text lines', () => {
  it('takes 1000 octets with CRLF, not counting the dot of transparency', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    expect((await wire.command(`..${'x'.repeat(997)}\r\n.`)).status).toBe('250 2.0.0');
  });

  it('refuses a longer one with 554 5.6.0 at the end of the message, and goes on', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    expect((await wire.command(`${'x'.repeat(999)}\r\nmore\r\n.`)).status).toBe('554 5.6.0');
    await wire.startContent();
    expect((await wire.command('x\r\n.')).status).toBe('250 2.0.0');
    expect(server.accepted).toHaveLength(1);
  });

  it('swallows a line of 10 MB without keeping it', async () => {
    const server = await serve({ limits: { messageSize: 0, sessionBytes: 0 } });
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    for (let i = 0; i < 100; i += 1) await wire.sendAll(Buffer.alloc(100_000, 'x'));
    wire.send('\r\n.\r\n');
    expect((await wire.reply()).status).toBe('554 5.6.0');
    expect(server.aborted[0]!.length).toBeLessThan(1_000_000);
  });
});

describe('RFC 5321 §4.5.3.1.8, §4.5.3.1.10: recipients', () => {
  it('takes 100, answers 452 4.5.3 to the next, and delivers to those that it took', async () => {
    const server = await serve({ limits: { errorsPerSession: 100 } });
    const wire = await Wire.hello(server.port);
    await wire.command('MAIL FROM:<>');
    for (let i = 0; i < 100; i += 1) {
      expect((await wire.command(`RCPT TO:<r${i}@any.test>`)).status).toBe('250 2.1.5');
    }
    expect((await wire.command('RCPT TO:<one-more@any.test>')).status).toBe('452 4.5.3');
    await wire.dialogue('DATA', '.');
    expect(server.accepted[0]!.recipients).toHaveLength(100);
  });
});

describe('RFC 5321 §4.5.3.2.7: the server’s timeout', () => {
  it('waits five minutes for a command, then says 421 4.4.2', async () => {
    const { port, clock } = await serve();
    const wire = await Wire.hello(port);
    clock.advance(299_000);
    expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
    clock.advance(299_000);
    expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
    clock.advance(300_000);
    expect((await wire.reply()).status).toBe('421 4.4.2');
    expect(await wire.closed()).toBe('');
  });

  it('a byte now and then does not make it longer', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    for (let i = 0; i < 5; i += 1) {
      await wire.sendAll(Buffer.from('N'));
      await new Promise((resolve) => setTimeout(resolve, 10));
      server.clock.advance(59_000);
    }
    server.clock.advance(5000);
    expect((await wire.reply()).status).toBe('421 4.4.2');
  });

  it('a client that sends nothing at all is left after five minutes too', async () => {
    const { port, clock } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    clock.advance(300_000);
    expect((await wire.reply()).status).toBe('421 4.4.2');
  });

  it('does not run while the answer is ours to give', async () => {
    const server = await serve();
    let finish = () => {};
    let begun = false;
    server.hooks.commit = () => {
      begun = true;
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send('x\r\n.\r\n');
    await eventually(() => begun);
    server.clock.advance(3_000_000);
    finish();
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
  });
});

describe('Limits of a session', () => {
  it('content that comes a byte a second ends after a minute with 421 4.4.2', async () => {
    const server = await serve({ limits: { minDataRate: 10 } });
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    for (let i = 0; i < 60; i += 1) {
      await wire.sendAll(Buffer.from('x'));
      await new Promise((resolve) => setImmediate(resolve));
      server.clock.advance(1000);
    }
    expect((await wire.reply()).status).toBe('421 4.4.2');
    expect(await wire.closed()).toBe('');
    expect(server.aborted).toHaveLength(1);
  });

  it('content at the slowest acceptable pace is taken', async () => {
    const server = await serve({ limits: { minDataRate: 10 } });
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    let got = 0;
    server.hooks.write = (chunk) => {
      got += chunk.length;
      return undefined;
    };
    for (let minute = 1; minute <= 5; minute += 1) {
      wire.send(`${'x'.repeat(598)}\r\n`);
      await eventually(() => got === 600 * minute);
      server.clock.advance(60_000);
    }
    expect((await wire.command('.')).status).toBe('250 2.0.0');
  });

  it('lasts so long', async () => {
    const { port, clock } = await serve({ limits: { sessionSeconds: 600 } });
    const wire = await Wire.hello(port);
    for (let i = 0; i < 5; i += 1) {
      clock.advance(119_000);
      expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
    }
    clock.advance(5000);
    expect((await wire.reply()).status).toBe('421 4.7.0');
  });

  it('sends so many bytes', async () => {
    const server = await serve({ limits: { sessionBytes: 50_000, messageSize: 0 } });
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send(`${'x'.repeat(98)}\r\n`.repeat(600));
    expect((await wire.reply()).status).toBe('421 4.7.0');
    expect(await wire.closed()).toBe('');
    expect(server.aborted).toHaveLength(1);
  });

  it('has so many transactions', async () => {
    const { port } = await serve({ limits: { transactionsPerSession: 2 } });
    const wire = await Wire.hello(port);
    for (let i = 0; i < 2; i += 1) {
      await wire.startContent();
      await wire.command('.');
    }
    expect((await wire.command('MAIL FROM:<>')).status).toBe('421 4.7.0');
    expect(await wire.closed()).toBe('');
  });

  it('makes so many errors', async () => {
    const { port } = await serve({ limits: { errorsPerSession: 3 } });
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('FOO', 'RCPT TO:<x@y.test>', 'MAIL', 'NOOP')).toEqual([
      '500 5.5.2',
      '503 5.5.1',
      '501 5.5.4',
      '421 4.7.0',
    ]);
    expect(await wire.closed()).toBe('');
  });

  it.each(['RSET', 'NOOP', 'HELP', 'VRFY x', 'EHLO again.test'])('idles so long with %s', async (line) => {
    const { port } = await serve({ limits: { idleCommandsPerSession: 3 } });
    const wire = await Wire.hello(port);
    for (let i = 0; i < 3; i += 1) expect((await wire.command(line)).code).toBeLessThan(300);
    expect((await wire.command(line)).status).toBe('421 4.7.0');
    expect(await wire.closed()).toBe('');
  });

  it('begins to count idle commands anew with each accepted message', async () => {
    const { port } = await serve({ limits: { idleCommandsPerSession: 2 } });
    const wire = await Wire.hello(port);
    for (let i = 0; i < 3; i += 1) {
      await wire.dialogue('NOOP', 'RSET');
      await wire.startContent();
      expect((await wire.command('.')).status).toBe('250 2.0.0');
    }
  });

  it('a client that never reads its replies is not read either, and is left in the end', async () => {
    const server = await serve({ limits: { idleCommandsPerSession: 100_000_000, sessionBytes: 0 } });
    const wire = await Wire.hello(server.port);
    wire.stopReading();
    const many = Buffer.from('HELP\r\n'.repeat(100_000));
    for (let i = 0; i < 3; i += 1) wire.send(many);
    await new Promise((resolve) => setTimeout(resolve, 300));
    server.clock.advance(300_000);
    await eventually(() => server.listener.sessions === 0);
  });
});

describe('Limits of connections', () => {
  it('so many from one address: 421 4.7.0 instead of the greeting', async () => {
    const { port, listener } = await serve({ limits: { connectionsPerAddress: 2 } });
    const first = await Wire.hello(port);
    await Wire.hello(port);
    const third = await Wire.connect(port);
    expect((await third.reply()).status).toBe('421 4.7.0');
    expect(await third.closed()).toBe('');
    await Wire.hello(port, { localAddress: '127.0.0.2' });
    await first.close();
    await eventually(() => listener.sessions === 2);
    await Wire.hello(port);
  });

  it('counts a session that went over to TLS once, and no longer than it lasts', async () => {
    const { port, listener } = await serve({
      tls: { mode: 'starttls' },
      limits: { connectionsPerAddress: 1 },
    });
    for (let i = 0; i < 3; i += 1) {
      const wire = await Wire.hello(port);
      await wire.command('STARTTLS');
      await wire.startTls();
      expect((await (await Wire.connect(port)).reply()).status).toBe('421 4.7.0');
      await wire.close();
      await eventually(() => listener.sessions === 0);
    }
  });

  it('so many in all: 421 4.3.2', async () => {
    const { port } = await serve({ limits: { connections: 2 } });
    await Wire.hello(port);
    await Wire.hello(port);
    expect((await (await Wire.connect(port)).reply()).status).toBe('421 4.3.2');
  });
});
