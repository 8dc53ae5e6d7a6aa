/** RFC 2645: on-demand mail relay, with the customer's side on a raw socket. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Domain, MtaConfig } from '../../mta/config.ts';
import { hashPassword } from '../../mta/policy/phc.ts';
import { ownDomain } from '../../mta/testing/flow-world.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { certificate, eventually } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const PASSWORD = 'right';

const held = (name: string, users: string[] = ['demo']): Domain =>
  ownDomain(name, { target: { type: 'hold', maxAgeSeconds: 3600, etrnFrom: [], users, hosts: [] } });

async function start(...domains: Domain[]): Promise<Relay> {
  const user = (username: string): MtaConfig['users'][number] => ({
    ...{
      resource: `MailUser/mail/${username}`,
      username,
      verifier: 'v',
      senders: ['*@ours.test'],
      limits: {},
    },
  });
  return startRelay({
    domains,
    users: [user('demo'), user('other')],
    secrets: { v: await hashPassword(PASSWORD, Buffer.alloc(16, 1)) },
    listener: { role: 'odmr', relayFrom: [], auth: { offered: true, required: true, allowWithoutTls: true } },
  });
}

const waits = (relay: Relay, ...to: string[]) =>
  relay.accept({ to, content: 'Subject: one\r\n\r\n.one\r\n' });

async function login(relay: Relay, user = 'demo'): Promise<Wire> {
  const wire = await Wire.hello(relay.port);
  const response = Buffer.from(`\0${user}\0${PASSWORD}`).toString('base64');
  expect((await wire.command(`AUTH PLAIN ${response}`)).status).toBe('235 2.7.0');
  return wire;
}

/** Asks, and is the server from the 250 on. Resolves with what the provider said, commands and content alike. */
async function fetchAll(
  wire: Wire,
  domains = '',
  { rcpt = '250 Ok', stopBefore = '' }: { rcpt?: string; stopBefore?: string } = {},
): Promise<string[]> {
  expect((await wire.command(`ATRN${domains}`)).status).toBe('250 2.0.0');
  wire.send('220 customer.test ready\r\n');
  const lines: string[] = [];
  for (let inContent = false; ; ) {
    const line = await wire.line();
    lines.push(line);
    const verb = inContent ? '' : line.slice(0, 4);
    if (stopBefore !== '' && line.startsWith(stopBefore)) return lines;
    if (verb === 'EHLO') wire.send('250-customer.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n');
    else if (verb === 'RCPT') wire.send(`${rcpt}\r\n`);
    else if (verb === 'DATA') {
      wire.send(rcpt.startsWith('2') ? '354 go on\r\n' : '554 no valid recipients\r\n');
      inContent = rcpt.startsWith('2');
    } else if (verb === 'QUIT') {
      wire.send('221 bye\r\n');
      wire.finish();
      return lines;
    } else if (!inContent || line === '.') {
      wire.send('250 Ok\r\n');
      inContent = false;
    }
  }
}

const recipients = (lines: readonly string[]) =>
  lines.filter((line) => line.startsWith('RCPT')).map((line) => /<(.*)>/.exec(line)![1]);

describe('RFC 2645: ATRN', () => {
  it('§5.1.1: EHLO announces AUTH and ATRN; §5.4: there is nothing else to do here', async () => {
    const relay = await start(held('held.test'));
    const wire = await Wire.connect(relay.port);
    await wire.reply();
    const { lines } = await wire.command('EHLO customer.test');
    expect(lines).toEqual(expect.arrayContaining(['ATRN', 'AUTH PLAIN LOGIN']));
    expect(await wire.dialogue('MAIL FROM:<>', 'ETRN held.test', 'VRFY a', 'NOOP', 'QUIT')).toEqual([
      ...['502 5.5.1', '502 5.5.1', '502 5.5.1', '250 2.0.0', '221 2.0.0'],
    ]);
  });

  it('§5.2.1: before AUTH it is refused with 530', async () => {
    const relay = await start(held('held.test'));
    await waits(relay, 'anna@held.test');
    const wire = await Wire.hello(relay.port);
    expect(await wire.dialogue('ATRN', 'ATRN held.test')).toEqual(['530 5.7.0', '530 5.7.0']);
  });

  it('§5.2.1: 453 where nothing waits, 450 for a domain that is not the user’s, though others of the list are', async () => {
    const relay = await start(held('held.test'), held('others.test', ['other']));
    await waits(relay, 'anna@others.test');
    const wire = await login(relay);
    expect(
      await wire.dialogue(
        'ATRN',
        'ATRN held.test',
        'ATRN others.test',
        'ATRN held.test,others.test',
        'ATRN x.test',
      ),
    ).toEqual(['453 4.2.0', '453 4.2.0', '450 4.7.1', '450 4.7.1', '450 4.7.1']);
    expect((await wire.command('ATRN held.test, x')).status).toBe('501 5.5.4');
    expect(await relay.queued()).toHaveLength(1);
  });

  it('§5.2.1: without a domain all that are the user’s; §5.3: we say EHLO after the greeting, and QUIT in the end', async () => {
    const relay = await start(held('held.test'), held('more.test'), held('others.test', ['other']));
    await waits(relay, 'anna@held.test', 'bert@held.test');
    await waits(relay, 'carl@more.test');
    await waits(relay, 'dora@others.test');
    const wire = await login(relay);
    const lines = await fetchAll(wire);
    expect(lines[0]).toBe('EHLO mx.ours.test');
    expect(lines.at(-1)).toBe('QUIT');
    expect(recipients(lines).toSorted()).toEqual(['anna@held.test', 'bert@held.test', 'carl@more.test']);
    expect(lines).toContain('..one');
    await wire.closed();
    await expect
      .poll(() => relay.ended.map(({ to, outcome }) => `${to} ${outcome}`).toSorted())
      .toEqual([...['anna@held.test delivered', 'bert@held.test delivered', 'carl@more.test delivered']]);
    expect((await relay.queued()).map(({ envelope }) => envelope.recipients[0]!.address)).toEqual([
      'dora@others.test',
    ]);
    expect(relay.defects).toEqual([]);
  });

  it('§5.2.1: of the domains that are named, and no others', async () => {
    const relay = await start(held('held.test'), held('more.test'));
    await waits(relay, 'anna@held.test');
    await waits(relay, 'carl@more.test');
    expect(recipients(await fetchAll(await login(relay), ' more.test'))).toEqual(['carl@more.test']);
  });

  it('§4: what the customer puts off waits for the next time, what it refuses goes back to its sender', async () => {
    const relay = await start(held('held.test'));
    await waits(relay, 'anna@held.test');
    await fetchAll(await login(relay), '', { rcpt: '451 later' });
    await eventually(() => relay.attempted.length === 1);
    const again = await fetchAll(await login(relay), '', { rcpt: '550 5.1.1 nobody' });
    expect(recipients(again)).toEqual(['anna@held.test']);
    await expect.poll(() => relay.ended).toMatchObject([{ to: 'anna@held.test', outcome: 'bounced' }, {}]);
    await expect.poll(() => relay.inbox.contents.length).toBe(1);
  });

  it('§5.3: a customer that goes away before it has taken a message finds it the next time', async () => {
    const relay = await start(held('held.test'));
    await waits(relay, 'anna@held.test');
    const wire = await login(relay);
    await fetchAll(wire, '', { stopBefore: 'Received' });
    await wire.close();
    await expect.poll(() => relay.attempted).toHaveLength(1);
    expect(recipients(await fetchAll(await login(relay)))).toEqual(['anna@held.test']);
    await expect.poll(() => relay.ended).toMatchObject([{ outcome: 'delivered' }]);
    expect(relay.defects).toEqual([]);
  });

  it('§5.3: one that greets with a refusal gets nothing, and keeps its mail', async () => {
    const relay = await start(held('held.test'));
    await waits(relay, 'anna@held.test');
    const wire = await login(relay);
    expect((await wire.command('ATRN')).status).toBe('250 2.0.0');
    wire.send('554 not now\r\n');
    await wire.closed();
    expect(await relay.queued()).toHaveLength(1);
  });

  it('§5.2.1: what is said along with ATRN is not taken for the customer’s greeting', async () => {
    const relay = await start(held('held.test'));
    await waits(relay, 'anna@held.test');
    const wire = await login(relay);
    wire.send('ATRN\r\n220 customer.test\r\n');
    expect((await wire.reply()).status).toBe('503 5.5.1');
    expect(await relay.queued()).toHaveLength(1);
  });

  it('goes on in TLS where the connection has it', async () => {
    const names = certificate('mx.ours.test');
    const relay = await startRelay({
      domains: [held('held.test')],
      users: [
        {
          resource: 'MailUser/mail/demo',
          username: 'demo',
          verifier: 'v',
          senders: ['*@ours.test'],
          limits: {},
        },
      ],
      secrets: { v: await hashPassword(PASSWORD, Buffer.alloc(16, 1)), ...names },
      listener: {
        role: 'odmr',
        relayFrom: [],
        tls: { mode: 'implicit', required: true, minVersion: 'TLSv1.2', certificate: 'crt', key: 'key' },
        auth: { offered: true, required: true, allowWithoutTls: false },
      },
    });
    await waits(relay, 'anna@held.test');
    const wire = await Wire.hello(relay.port, { tls: true });
    const response = Buffer.from(`\0demo\0${PASSWORD}`).toString('base64');
    expect((await wire.command(`AUTH PLAIN ${response}`)).status).toBe('235 2.7.0');
    expect(recipients(await fetchAll(wire))).toEqual(['anna@held.test']);
    await expect.poll(() => relay.ended).toMatchObject([{ outcome: 'delivered' }]);
    expect(relay.attempted[0]!.tls).toMatch(/^TLSv1/);
  });
});
