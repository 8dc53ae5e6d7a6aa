/** RFC 4954: authentication; RFC 3848: what a message says of it; RFC 6409 §4.3: submission. */
import { afterEach, describe, expect, it } from 'vitest';
import { PASSWORD, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const b64 = (text: string) => Buffer.from(text).toString('base64');
const right = b64(`\0demo\0${PASSWORD}`);
const wrong = b64('\0demo\0wrong');
const clear = { auth: { offered: true, allowWithoutTls: true } };

describe('RFC 4954 §3, §4: AUTH', () => {
  it('is announced where it may be used, until it has been', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO client.test')).lines).toContain('AUTH PLAIN LOGIN');
    expect((await wire.command(`AUTH PLAIN ${right}`)).status).toBe('235 2.7.0');
    expect((await wire.command('EHLO client.test')).lines.join()).not.toContain('AUTH');
  });

  it('without TLS it is not announced, and refused with 538 5.7.11; with TLS both change', async () => {
    const server = await serve({ tls: { mode: 'starttls' }, auth: { offered: true } });
    const wire = await Wire.connect(server.port);
    await wire.reply();
    expect((await wire.command('EHLO client.test')).lines.join()).not.toContain('AUTH');
    expect((await wire.command(`AUTH PLAIN ${right}`)).status).toBe('538 5.7.11');
    await wire.command('STARTTLS');
    await wire.startTls();
    expect((await wire.command('EHLO client.test')).lines).toContain('AUTH PLAIN LOGIN');
    expect((await wire.command(`AUTH PLAIN ${right}`)).status).toBe('235 2.7.0');
    await wire.dialogue('MAIL FROM:<demo@example.test>', 'RCPT TO:<x@elsewhere.test>', 'DATA', '.');
    expect(server.accepted[0]!.client).toMatchObject({ protocol: 'ESMTPSA', user: 'demo' });
  });

  it('PLAIN without an initial response gets an empty challenge', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.hello(port);
    wire.chunks.length = 0;
    expect((await wire.command('AUTH PLAIN')).status).toBe('334');
    expect(wire.chunks).toEqual(['334 \r\n']);
    expect((await wire.command(right)).status).toBe('235 2.7.0');
  });

  it('LOGIN asks for name and password', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.hello(port);
    expect((await wire.command('auth login')).lines).toEqual([b64('Username:')]);
    expect((await wire.command(b64('demo'))).lines).toEqual([b64('Password:')]);
    expect((await wire.command(b64(PASSWORD))).status).toBe('235 2.7.0');
  });

  it('wrong passwords and unknown users get the same 535 5.7.8', async () => {
    const server = await serve(clear);
    const wire = await Wire.hello(server.port);
    const first = await wire.command(`AUTH PLAIN ${wrong}`);
    const second = await wire.command(`AUTH PLAIN ${b64('\0nobody\0wrong')}`);
    expect(first).toEqual(second);
    expect(first.status).toBe('535 5.7.8');
    expect(server.refusals.map(({ command }) => command)).toEqual(['AUTH', 'AUTH']);
    expect((await wire.command(`AUTH PLAIN ${right}`)).status).toBe('235 2.7.0');
  });

  it('an exchange may be cancelled with *, or be nonsense: 501, and the next line is a command again', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('AUTH PLAIN', '*', 'NOOP')).toEqual(['334', '501 5.7.0', '250 2.0.0']);
    expect(await wire.dialogue('AUTH LOGIN', '!!!', 'NOOP')).toEqual(['334', '501 5.5.2', '250 2.0.0']);
  });

  it.each([
    ['AUTH', '501 5.5.4'],
    ['AUTH PLAIN a b', '501 5.5.4'],
    ['AUTH CRAM-MD5', '504 5.5.4'],
    ['AUTH PLAIN =', '501 5.5.2'],
  ])('%s: %s', async (line, status) => {
    const { port } = await serve(clear);
    expect((await (await Wire.hello(port)).command(line)).status).toBe(status);
  });

  it('is refused before EHLO, in a transaction, and a second time with 503', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.connect(port);
    await wire.reply();
    expect(
      await wire.dialogue(
        'AUTH PLAIN',
        'EHLO client.test',
        'MAIL FROM:<>',
        'AUTH PLAIN',
        'RSET',
        `AUTH PLAIN ${right}`,
        `AUTH PLAIN ${right}`,
      ),
    ).toEqual(['503 5.5.1', '250', '250 2.1.0', '503 5.5.1', '250 2.0.0', '235 2.7.0', '503 5.5.1']);
  });

  it('takes lines of 12288 octets and refuses longer ones with 500 5.5.6', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.hello(port);
    const text = (length: number) => b64(`\0demo\0${'x'.repeat((length / 4) * 3 - 6)}`);
    expect(await wire.dialogue('AUTH PLAIN', text(12_288))).toEqual(['334', '535 5.7.8']);
    expect(await wire.dialogue('AUTH PLAIN', text(12_292))).toEqual(['334', '500 5.5.6']);
    expect(await wire.dialogue('AUTH PLAIN', text(20_000), 'NOOP')).toEqual([
      '334',
      '500 5.5.6',
      '250 2.0.0',
    ]);
  });

  it('ends the session after three failures', async () => {
    const { port } = await serve(clear);
    const wire = await Wire.hello(port);
    expect(await wire.dialogue(...Array(3).fill(`AUTH PLAIN ${wrong}`), `AUTH PLAIN ${right}`)).toEqual([
      '535 5.7.8',
      '535 5.7.8',
      '535 5.7.8',
      '421 4.7.0',
    ]);
    expect(await wire.closed()).toBe('');
  });

  it('commands pipelined behind it wait for it', async () => {
    const { port } = await serve({ role: 'submission', ...clear });
    const wire = await Wire.hello(port);
    wire.send(`AUTH PLAIN ${right}\r\nMAIL FROM:<demo@example.test>\r\nRCPT TO:<x@elsewhere.test>\r\n`);
    expect(await wire.replies(3)).toEqual(['235 2.7.0', '250 2.1.0', '250 2.1.5']);
  });

  it('survives STARTTLS never (RFC 3207 §4.2)', async () => {
    const { port } = await serve({ tls: { mode: 'starttls' }, ...clear, role: 'submission' });
    const wire = await Wire.hello(port);
    expect(await wire.dialogue(`AUTH PLAIN ${right}`, 'STARTTLS')).toEqual(['235 2.7.0', '220 2.0.0']);
    await wire.startTls();
    expect(await wire.dialogue('EHLO client.test', 'MAIL FROM:<demo@example.test>')).toEqual([
      '250',
      '530 5.7.0',
    ]);
  });
});

describe('RFC 4954 §5: the AUTH parameter of MAIL', () => {
  it('is passed on decoded, where AUTH is offered', async () => {
    const server = await serve(clear);
    const wire = await Wire.hello(server.port);
    await wire.dialogue('MAIL FROM:<> AUTH=e+3Dmc2@example.test', 'RCPT TO:<anna@example.test>', 'DATA', '.');
    expect(server.accepted[0]!.mail).toEqual({ from: '', auth: 'e=mc2@example.test' });
  });

  it('is unknown where AUTH is not offered', async () => {
    const { port } = await serve();
    expect((await (await Wire.hello(port)).command('MAIL FROM:<> AUTH=<>')).status).toBe('555 5.5.4');
  });
});

describe('RFC 6409 §4.3: submission', () => {
  it('MAIL is refused with 530 5.7.0 from who has not authenticated', async () => {
    const { port } = await serve({ role: 'submission', auth: { ...clear.auth, required: true } });
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('MAIL FROM:<demo@example.test>', `AUTH PLAIN ${right}`)).toEqual([
      '530 5.7.0',
      '235 2.7.0',
    ]);
    expect((await wire.command('MAIL FROM:<demo@example.test>')).status).toBe('250 2.1.0');
  });

  it('§6.1: a user sends only as the addresses that it may use', async () => {
    const { port } = await serve({ role: 'submission', ...clear });
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue(
        `AUTH PLAIN ${right}`,
        'MAIL FROM:<anna@example.test>',
        'MAIL FROM:<demo@example.test>',
        'RCPT TO:<x@elsewhere.test>',
      ),
    ).toEqual(['235 2.7.0', '553 5.7.1', '250 2.1.0', '250 2.1.5']);
  });

  it('an authenticator that is out of order is a temporary failure', async () => {
    const server = await serve(clear);
    const wire = await Wire.hello(server.port);
    server.hooks.authenticate = () => Promise.reject(new Error('no memory'));
    expect((await wire.command(`AUTH PLAIN ${right}`)).status).toBe('454 4.7.0');
  });
});
