/** RFC 5321 §4.1.1.5 to §4.1.1.10, §4.2.4, §3.8: the other commands, unknown ones, and the end. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

async function statusOf(line: string): Promise<string> {
  const { port } = await serve();
  return (await (await Wire.hello(port)).command(line)).status;
}

describe('RFC 5321 §4.1.1.5 to §4.1.1.10', () => {
  it('RSET ends the transaction and keeps the greeting', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>', 'RSET', 'DATA', 'MAIL FROM:<>'),
    ).toEqual(['250 2.1.0', '250 2.1.5', '250 2.0.0', '503 5.5.1', '250 2.1.0']);
  });

  it('RSET forgets recipients for good', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>', 'RSET');
    await wire.startContent('bert@example.test');
    await wire.command('.');
    expect(server.accepted[0]!.recipients).toEqual(['bert@example.test']);
  });

  it.each([
    ['RSET now', '501 5.5.4'],
    ['VRFY anna', '252 2.0.0'],
    ['VRFY', '501 5.5.4'],
    ['EXPN staff', '502 5.5.1'],
    ['HELP', '214 2.0.0'],
    ['HELP MAIL', '214 2.0.0'],
    ['NOOP', '250 2.0.0'],
    ['NOOP whatever', '250 2.0.0'],
    ['nOoP', '250 2.0.0'],
    ['QUIT now', '501 5.5.4'],
    ['TURN', '500 5.5.2'],
    ['ETRN example.test', '459 4.7.1'],
    ['STARTTLS', '502 5.5.1'],
    ['AUTH PLAIN', '502 5.5.1'],
    ['', '500 5.5.2'],
    [' NOOP', '500 5.5.2'],
    ['constructor', '500 5.5.2'],
    ['\xff\xfe', '500 5.5.2'],
  ])('%j: %s', async (line, status) => {
    expect(await statusOf(line)).toBe(status);
  });

  it('QUIT is answered 221, and the connection closes; what comes behind it does nothing', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    wire.send('QUIT\r\nMAIL FROM:<>\r\n');
    expect((await wire.reply()).status).toBe('221 2.0.0');
    expect(await wire.closed()).toBe('');
    await eventually(() => server.listener.sessions === 0);
  });

  it('a client that leaves without QUIT leaves nothing behind', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.command('MAIL FROM:<>');
    await wire.close();
    await eventually(() => server.listener.sessions === 0);
  });

  it('a web page’s request ends the session at once', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    wire.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<>\r\n');
    expect((await wire.reply()).status).toBe('500 5.5.2');
    expect(await wire.closed()).toBe('');
  });

  it('a line that does nothing of this knows no other end than CRLF, one byte at a time too', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    for (const byte of 'NOOP\r\n') await wire.sendAll(Buffer.from(byte));
    expect((await wire.reply()).status).toBe('250 2.0.0');
  });
});

describe('RFC 5321 §3.8: terminating sessions', () => {
  it('idle sessions get 421 4.3.2 at shutdown, and the port is free', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.command('MAIL FROM:<>');
    const stopped = server.listener.stop(60);
    expect((await wire.reply()).status).toBe('421 4.3.2');
    expect(await wire.closed()).toBe('');
    await stopped;
    await expect(Wire.connect(server.port)).rejects.toThrow('ECONNREFUSED');
  });

  it('content that is on its way is finished and answered first', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send('first half\r\n');
    const stopped = server.listener.stop(60);
    wire.send('second half\r\n.\r\n');
    expect(await wire.replies(2)).toEqual(['250 2.0.0', '421 4.3.2']);
    await stopped;
    expect(server.accepted).toHaveLength(1);
  });

  it('what takes longer than the grace is cut, and its content forgotten', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    const stopped = server.listener.stop(60);
    server.clock.advance(60_000);
    await stopped;
    await wire.closed();
    expect(server.aborted).toHaveLength(1);
    expect(server.accepted).toEqual([]);
  });
});
