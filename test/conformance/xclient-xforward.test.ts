/** XCLIENT and XFORWARD (Postfix's XCLIENT_README and XFORWARD_README): what peers tell of clients that they speak for. */
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { startRelay, stopRelays } from './relay.ts';
import { eventually, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(async () => {
  await stopRelays();
  await stopAll();
});

const PEER = { from: ['127.0.0.1'] };
const SPIKE = 'XCLIENT NAME=spike.test ADDR=192.0.2.7';

async function deliver(wire: Wire, to = 'anna@example.test'): Promise<void> {
  await wire.startContent(to);
  expect((await wire.command('Subject: x\r\n\r\nx\r\n.')).status).toBe('250 2.0.0');
}

describe('XCLIENT', () => {
  it('is announced to peers that are named, with the attributes that are taken, and to nobody else', async () => {
    const named = await (await Wire.hello((await serve({ xclient: PEER })).port)).command('EHLO x');
    expect(named.lines).toContain('XCLIENT NAME ADDR PORT PROTO HELO LOGIN');
    for (const xclient of [undefined, { from: ['192.0.2.0/24'] }]) {
      const wire = await Wire.hello((await serve(xclient && { xclient })).port);
      expect((await wire.command('EHLO x')).lines.join()).not.toMatch(/XCLIENT|XFORWARD/);
    }
  });

  it('of others is refused with 550, which the log tells, and with 502 where it is for nobody', async () => {
    const server = await serve({ xclient: { from: ['192.0.2.0/24'] } });
    expect((await (await Wire.hello(server.port)).command(SPIKE)).status).toBe('550 5.7.0');
    await eventually(() => server.refusals.length > 0);
    expect(server.refusals[0]).toMatchObject({ command: 'XCLIENT', clientAddress: '127.0.0.1' });
    expect((await (await Wire.hello((await serve()).port)).command(SPIKE)).status).toBe('502 5.5.1');
  });

  it('begins the session anew with 220, as that of the client: for the acceptor, too', async () => {
    const server = await serve({ xclient: PEER });
    let greeted = 0;
    server.hooks.connect = () => {
      greeted += 1;
    };
    const wire = await Wire.hello(server.port);
    const { code, lines } = await wire.command(SPIKE);
    expect([code, lines[0], greeted]).toEqual([220, 'mx.example.test ESMTP Postrider', 2]);
    expect((await wire.command('MAIL FROM:<x@y.test>')).status).toBe('503 5.5.1');
    expect((await wire.command('EHLO spike.test')).code).toBe(250);
    await deliver(wire);
    expect(server.accepted[0]!.client).toMatchObject({ address: '192.0.2.7', helo: 'spike.test' });
  });

  it('keeps what it has said of HELO and PROTO', async () => {
    const server = await serve({ xclient: PEER });
    const wire = await Wire.hello(server.port);
    await wire.command('XCLIENT ADDR=IPV6:2001:db8::7 HELO=spike.test PROTO=SMTP');
    await deliver(wire);
    expect(server.accepted[0]!.client).toMatchObject({
      ...{ address: '2001:db8::7', helo: 'spike.test', protocol: 'SMTP' },
    });
  });

  it('is for the peer alone: the client that it speaks for may not use it', async () => {
    const { port } = await serve({ xclient: PEER });
    const wire = await Wire.hello(port);
    expect((await wire.command('XCLIENT HELO=a PROTO=ESMTP')).code).toBe(220);
    expect((await wire.command(SPIKE)).code).toBe(220);
    expect((await wire.command('EHLO x')).lines.join()).not.toContain('XCLIENT');
    expect((await wire.command('XCLIENT ADDR=127.0.0.1')).status).toBe('550 5.7.0');
  });

  it('is refused in a transaction with 503, and with 501 where its attributes are none', async () => {
    const { port } = await serve({ xclient: PEER });
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('MAIL FROM:<x@y.test>', SPIKE, 'RSET')).toEqual([
      ...['250 2.1.0', '503 5.5.1', '250 2.0.0'],
    ]);
    for (const bad of ['XCLIENT', 'XCLIENT NAME', 'XCLIENT ADDR=1', 'XCLIENT DESTADDR=192.0.2.1']) {
      expect((await wire.command(bad)).status).toBe('501 5.5.4');
    }
    expect((await wire.command('MAIL FROM:<x@y.test>')).status).toBe('250 2.1.0');
  });

  it('takes the rights of the peer, and gives those of the client', async () => {
    const { port } = await serve({ xclient: PEER, relayFrom: ['127.0.0.1', '198.51.100.0/24'] });
    const relays = async (address: string) => {
      const wire = await Wire.hello(port);
      await wire.command(`XCLIENT ADDR=${address} HELO=x`);
      return (await wire.dialogue('MAIL FROM:<x@y.test>', 'RCPT TO:<x@far.test>'))[1];
    };
    expect(await relays('192.0.2.7')).toBe('550 5.7.1');
    expect(await relays('198.51.100.7')).toBe('250 2.1.5');
    expect(await relays('[UNAVAILABLE]')).toBe('550 5.7.1');
  });

  it('LOGIN is the user, whose rights count; of a next client nothing of it stays', async () => {
    const server = await serve({
      xclient: PEER,
      auth: { offered: true, required: true, allowWithoutTls: true },
    });
    const wire = await Wire.hello(server.port);
    const mail = (from: string) => wire.command(`MAIL FROM:<${from}>`).then(({ status }) => status);
    expect(await mail('demo@example.test')).toBe('530 5.7.0');
    await wire.command('XCLIENT HELO=x LOGIN=demo');
    expect(await mail('other@example.test')).toBe('553 5.7.1');
    expect(await mail('demo@example.test')).toBe('250 2.1.0');
    await wire.command('RSET');
    await wire.command('XCLIENT HELO=x LOGIN=nobody');
    expect(await mail('demo@example.test')).toBe('530 5.7.0');
    await wire.command('XCLIENT HELO=x LOGIN=demo');
    await wire.command('XCLIENT HELO=y');
    expect(await mail('demo@example.test')).toBe('530 5.7.0');
  });

  it('counts the connection as one of the client’s address, and refuses as a new one would be', async () => {
    const { port } = await serve({ xclient: PEER, limits: { connectionsPerAddress: 2 } });
    const wires = [await Wire.hello(port), await Wire.hello(port)];
    for (const wire of wires) expect((await wire.command(SPIKE)).code).toBe(220);
    const third = await Wire.hello(port);
    expect((await third.command(SPIKE)).status).toBe('421 4.7.0');
    expect(await third.closed()).toBe('');
    await wires[0]!.close();
    const fourth = await Wire.hello(port);
    expect((await fourth.command(SPIKE)).code).toBe(220);
  });

  it('counts transactions and errors anew, but has an end', async () => {
    const { port } = await serve({
      xclient: PEER,
      limits: { transactionsPerSession: 1, errorsPerSession: 2, idleCommandsPerSession: 3 },
    });
    const wire = await Wire.hello(port);
    for (const _ of [1, 2]) {
      expect((await wire.command('XCLIENT HELO=x')).code).toBe(220);
      await wire.dialogue('NOPE', 'MAIL FROM:<x@y.test>');
      await wire.command('RCPT TO:<anna@example.test>');
      await wire.command('DATA');
      expect((await wire.command('x\r\n.')).status).toBe('250 2.0.0');
    }
    expect((await wire.command('MAIL FROM:<x@y.test>')).status).toBe('421 4.7.0');
    const idle = await Wire.hello(port);
    for (let i = 0; i < 3; i += 1) await idle.command('XCLIENT HELO=x');
    expect((await idle.command('XCLIENT HELO=x')).status).toBe('421 4.7.0');
  });

  it('is in the trace: name and address of the client', async () => {
    const relay = await startRelay({ listener: { xclient: PEER, relayFrom: ['192.0.2.0/24'] } });
    const wire = await Wire.hello(relay.port);
    await wire.command(`${SPIKE} HELO=helo.test`);
    await deliver(wire, 'bob@peer.test');
    await waitFor('delivery', () => relay.peer.contents.length > 0);
    expect(relay.peer.contents[0]!.toString()).toMatch(
      /^Received: from helo\.test \(spike\.test \[192\.0\.2\.7\]\)\r\n/,
    );
  });
});

describe('XFORWARD', () => {
  const TOLD = 'XFORWARD NAME=spike.test ADDR=192.0.2.7 PORT=1234 PROTO=ESMTP';
  const forwarded = { name: 'spike.test', address: '192.0.2.7', port: 1234, protocol: 'ESMTP' };

  it('is announced to peers that are named', async () => {
    const wire = await Wire.hello((await serve({ xforward: PEER })).port);
    const { lines } = await wire.command('EHLO x');
    expect(lines).toContain('XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE');
    expect(lines.join()).not.toContain('XCLIENT');
  });

  it('of others is refused with 550, and with 502 where it is for nobody', async () => {
    const { port } = await serve({ xclient: PEER, xforward: { from: ['192.0.2.0/24'] } });
    expect((await (await Wire.hello(port)).command(TOLD)).status).toBe('550 5.7.0');
    expect((await (await Wire.hello((await serve()).port)).command(TOLD)).status).toBe('502 5.5.1');
  });

  it('is for one transaction, and adds up until that', async () => {
    const server = await serve({ xforward: PEER });
    const wire = await Wire.hello(server.port);
    expect(await wire.dialogue(TOLD, 'XFORWARD HELO=spike IDENT=3CF SOURCE=REMOTE')).toEqual([
      ...['250 2.0.0', '250 2.0.0'],
    ]);
    await deliver(wire);
    await deliver(wire);
    await wire.dialogue(TOLD, 'RSET');
    await deliver(wire);
    expect(server.accepted.map(({ client }) => client.forwarded)).toEqual([
      { ...forwarded, helo: 'spike', id: '3CF', source: 'REMOTE' },
      undefined,
      undefined,
    ]);
  });

  it('changes nothing of what the client may do, nor what it is', async () => {
    const server = await serve({ xforward: PEER, relayFrom: ['192.0.2.0/24'] });
    const wire = await Wire.hello(server.port);
    await wire.command(TOLD);
    expect(await wire.dialogue('MAIL FROM:<x@y.test>', 'RCPT TO:<x@far.test>', 'RSET')).toEqual([
      ...['250 2.1.0', '550 5.7.1', '250 2.0.0'],
    ]);
    await wire.command(TOLD);
    await deliver(wire);
    expect(server.accepted[0]!.client).toMatchObject({ address: '127.0.0.1', helo: 'client.test' });
    // Whom the log names who refused it.
    expect(server.refusals[0]).toMatchObject({ clientAddress: '192.0.2.7', via: '127.0.0.1' });
  });

  it('is refused in a transaction with 503, and with 501 where its attributes are none', async () => {
    const { port } = await serve({ xforward: PEER });
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('MAIL FROM:<x@y.test>', TOLD, 'RSET')).toEqual([
      ...['250 2.1.0', '503 5.5.1', '250 2.0.0'],
    ]);
    for (const bad of ['XFORWARD', 'XFORWARD LOGIN=x', 'XFORWARD SOURCE=x', 'XFORWARD NAME=a+0Ab']) {
      expect((await wire.command(bad)).status).toBe('501 5.5.4');
    }
  });
});
