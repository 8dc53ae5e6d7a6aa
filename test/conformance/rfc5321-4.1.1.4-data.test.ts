/** RFC 5321 §4.1.1.4, §4.5.2: DATA and transparency; and every known way of smuggling a message in another. */
import { afterEach, describe, expect, it } from 'vitest';
import { smtpError } from '../../mta/errors.ts';
import { eventually, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

describe('RFC 5321 §4.1.1.4: DATA', () => {
  it('takes lines up to a line of a single dot, and answers 250 for all of them', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    const reply = await wire.command('Subject: x\r\n\r\nbody\r\n.');
    expect(reply.status).toBe('250 2.0.0');
    expect(reply.lines).toEqual(['2.0.0 Ok: kept in memory']);
    expect(server.accepted).toMatchObject([
      {
        content: 'Subject: x\r\n\r\nbody\r\n',
        recipients: ['anna@example.test'],
        mail: { from: 'x@elsewhere.test' },
      },
    ]);
  });

  it('takes the CRLF of the DATA command for the first line’s beginning: a message may be empty', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    expect((await wire.command('.')).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content).toBe('');
  });

  it('gives a dot at the beginning of a line back (§4.5.2), whatever the chunks that it comes in', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    for (const part of ['.', '.a\r\n.', '.\r', '\n..', 'b\r\nc.\r\n', '.', '\r', '\n']) {
      wire.send(part);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content).toBe('.a\r\n.\r\n.b\r\nc.\r\n');
  });

  it('keeps octets above 127 and NUL as they are', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
    const body = `${all.replace(/[\r\n]/g, '')}\r\n`;
    wire.send(`${body}.\r\n`);
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content).toBe(body);
  });

  it('is a bad sequence without MAIL, and has no valid recipients without RCPT', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('DATA', 'MAIL FROM:<>', 'DATA', 'RCPT TO:<no@example.test>', 'DATA')).toEqual([
      '503 5.5.1',
      '250 2.1.0',
      '554 5.5.1',
      '550 5.1.1',
      '554 5.5.1',
    ]);
  });

  it('takes no argument', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>');
    expect(await wire.dialogue('DATA now', 'DATA')).toEqual(['501 5.5.4', '354']);
  });

  it('ends the transaction: the next message begins with MAIL', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    await wire.command('one\r\n.');
    expect(await wire.dialogue('RCPT TO:<anna@example.test>', 'DATA')).toEqual(['503 5.5.1', '503 5.5.1']);
    await wire.startContent('bert@example.test');
    await wire.command('two\r\n.');
    expect(server.accepted.map(({ recipients }) => recipients)).toEqual([
      ['anna@example.test'],
      ['bert@example.test'],
    ]);
  });

  it('is refused before 354 where storage is short, and goes on when there is room', async () => {
    const server = await serve();
    let full = true;
    server.hooks.content = () => {
      if (full) throw smtpError('insufficientStorage');
    };
    const wire = await Wire.hello(server.port);
    await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>');
    expect((await wire.command('DATA')).status).toBe('452 4.3.1');
    full = false;
    expect(await wire.dialogue('DATA', '.')).toEqual(['354', '250 2.0.0']);
  });

  it('answers a failed commit with its reply, and a defect with 451; neither counts as accepted', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    for (const [error, status] of [
      [smtpError('leaseLost'), '451 4.3.0'],
      [smtpError('insufficientStorage'), '452 4.3.1'],
      [new TypeError('x is not a function'), '451 4.3.0'],
    ] as const) {
      server.hooks.commit = () => Promise.reject(error);
      await wire.startContent();
      expect((await wire.command('x\r\n.')).status).toBe(status);
    }
    expect(server.accepted).toEqual([]);
    expect(server.refusals.map(({ command }) => command)).toEqual(['DATA', 'DATA', 'DATA']);
  });

  it('swallows a message that the sink refuses half-way, and answers at its end', async () => {
    const server = await serve();
    server.hooks.write = () => Promise.reject(smtpError('insufficientStorage'));
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send('a\r\n');
    await eventually(() => server.aborted.length === 1);
    wire.send('RCPT TO:<bert@example.test>\r\n.\r\n');
    expect((await wire.reply()).status).toBe('452 4.3.1');
    expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
  });

  it('forgets a message whose client goes away before the final dot', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send('half a message\r\n.\r');
    await wire.close();
    await eventually(() => server.aborted.length === 1);
    expect(server.accepted).toEqual([]);
  });

  it('keeps a message whose client goes away after the final dot', async () => {
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
    await wire.close();
    finish();
    await eventually(() => server.accepted.length === 1);
    expect(server.aborted).toEqual([]);
  });

  it('stops reading while the sink is full', async () => {
    const server = await serve({ limits: { messageSize: 50_000_000, sessionBytes: 0 } });
    let release = () => {};
    let written = 0;
    server.hooks.write = (chunk) => {
      written += chunk.length;
      return new Promise((resolve) => {
        release = resolve;
      });
    };
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send(Buffer.from(`${'x'.repeat(98)}\r\n`.repeat(200_000)));
    wire.send('.\r\n');
    await eventually(() => written > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBeLessThan(1_000_000);
    delete server.hooks.write;
    release();
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content.length).toBe(20_000_000);
  });
});

describe('RFC 5321 §2.3.8: CR and LF only ever come together, so that no message hides in another', () => {
  const inner = 'MAIL FROM:<forged@example.test>\r\nRCPT TO:<bert@example.test>\r\nDATA\r\nforged';
  const ends = [
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\r\n.\r',
    '\n.\r',
    '\r.\n',
    '\r\n\r.\r\n',
    '\r\n.\r\r\n',
    '\r\r\n.\r\n',
    '\n\n.\r\n',
    '\r\n.\0\n',
    '\n..\r\n',
    'x\ny\r\n.\r\n',
    'x\ry\r\n.\r\n',
  ];
  for (const end of ends) {
    for (const split of [false, true]) {
      it(`${JSON.stringify(end)} ends the session${split ? ', byte by byte' : ''}`, async () => {
        const server = await serve();
        const wire = await Wire.hello(server.port);
        await wire.startContent();
        const bytes = `Subject: x\r\n\r\nouter${end}${inner}\r\n.\r\n`;
        if (split) for (const byte of bytes) await wire.sendAll(Buffer.from(byte, 'latin1'));
        else wire.send(bytes);
        expect((await wire.reply()).status).toBe('521 5.5.2');
        expect(await wire.closed()).toBe('');
        expect(server.accepted).toEqual([]);
        expect(server.aborted).toHaveLength(1);
      });
    }
  }

  it('NUL in the final dot’s line is content', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send('x\r\n.\0\r\n.\r\n');
    expect((await wire.reply()).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content).toBe('x\r\n\0\r\n');
  });

  it.each(['NOOP\n', 'NOOP\rNOOP\r\n', 'NOOP\r\r\n', '\n', '\r\n\n'])('%j is no command', async (bytes) => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    wire.send(bytes);
    const rest = await wire.closed();
    expect(rest).toMatch(/^(500 5\.5\.2 [^\r\n]*\r\n)?521 5\.5\.2 [^\r\n]*\r\n$/);
  });

  it('content sent behind a DATA that is refused is not read as commands', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    wire.send(`MAIL FROM:<>\r\nRCPT TO:<no@example.test>\r\nDATA\r\n${inner}\r\n.\r\n`);
    expect(await wire.replies(3)).toEqual(['250 2.1.0', '550 5.1.1', '554 5.5.1']);
    expect(await wire.closed()).toBe('');
    expect(server.accepted).toEqual([]);
  });
});
