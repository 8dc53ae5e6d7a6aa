/** RFC 5321 §4.1.1.1 and §3.1, §3.2: greeting, HELO and EHLO. */
import { afterEach, describe, expect, it } from 'vitest';
import { SmtpError } from '../../mta/errors.ts';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

describe('RFC 5321 §3.1: session initiation', () => {
  it('greets with 220, the host’s name, and no enhanced code', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    const greeting = await wire.reply();
    expect(greeting.status).toBe('220');
    expect(greeting.lines).toEqual([expect.stringMatching(/^mx\.example\.test ESMTP/)]);
  });

  it('may refuse a client with its greeting, and closes then', async () => {
    const server = await serve();
    server.hooks.connect = () => {
      throw new SmtpError(554, '5.7.1', 'Not you');
    };
    const wire = await Wire.connect(server.port);
    expect((await wire.reply()).status).toBe('554 5.7.1');
    expect(await wire.closed()).toBe('');
  });
});

describe('RFC 5321 §4.1.1.1: HELO and EHLO', () => {
  it('EHLO is answered by name and extensions, one on each line', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    const reply = await wire.command('EHLO client.test');
    expect(reply.lines).toEqual([
      'mx.example.test',
      'PIPELINING',
      'SIZE 100000',
      '8BITMIME',
      'ENHANCEDSTATUSCODES',
      'DSN',
      'CHUNKING',
      'BINARYMIME',
      'SMTPUTF8',
      'DELIVERBY',
      'MT-PRIORITY',
      'LIMITS RCPTMAX=100 MAILMAX=100',
    ]);
    expect(wire.chunks.at(-1)).toBe(
      '250-mx.example.test\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n250-DELIVERBY\r\n250-MT-PRIORITY\r\n250 LIMITS RCPTMAX=100 MAILMAX=100\r\n',
    );
  });

  it('HELO is answered by the name alone, and the message says SMTP', async () => {
    const server = await serve();
    const wire = await Wire.connect(server.port);
    await wire.reply();
    expect((await wire.command('helo client.test')).lines).toEqual(['mx.example.test']);
    await wire.startContent();
    await wire.command('x\r\n.');
    expect(server.accepted[0]!.client).toMatchObject({ protocol: 'SMTP', helo: 'client.test' });
  });

  it.each(['[192.0.2.1]', '[IPv6:2001:db8::1]', 'localhost', 'WIN_HOST', 'client.test   '])(
    'takes %j as a name',
    async (name) => {
      const { port } = await serve();
      const wire = await Wire.connect(port);
      await wire.reply();
      expect((await wire.command(`EHLO ${name}`)).status).toBe('250');
    },
  );

  it.each(['', 'a b', 'caf\xe9.test', 'x(comment)', '<x>', 'x'.repeat(256), 'a\0b'])(
    'refuses %j with 501',
    async (name) => {
      const { port } = await serve();
      const wire = await Wire.connect(port);
      await wire.reply();
      expect((await wire.command(`EHLO ${name}`)).status).toBe('501 5.5.4');
    },
  );

  it('a second EHLO resets the transaction (§4.1.4)', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue('MAIL FROM:<>', 'EHLO client.test', 'RCPT TO:<anna@example.test>', 'MAIL FROM:<>'),
    ).toEqual(['250 2.1.0', '250', '503 5.5.1', '250 2.1.0']);
  });

  it('MAIL, RCPT, DATA want a greeting first; NOOP, HELP, RSET, VRFY and QUIT do not (§4.1.4)', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    expect(
      await wire.dialogue(
        'MAIL FROM:<>',
        'RCPT TO:<a@b.test>',
        'DATA',
        'NOOP',
        'HELP',
        'RSET',
        'VRFY x',
        'QUIT',
      ),
    ).toEqual([
      '503 5.5.1',
      '503 5.5.1',
      '503 5.5.1',
      '250 2.0.0',
      '214 2.0.0',
      '250 2.0.0',
      '252 2.0.0',
      '221 2.0.0',
    ]);
  });
});
