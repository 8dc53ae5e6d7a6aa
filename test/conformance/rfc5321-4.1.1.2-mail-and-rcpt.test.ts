/** RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2, §4.1.3, §4.1.1.11: MAIL, RCPT, and their arguments. */
import { afterEach, describe, expect, it } from 'vitest';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

async function fromReply(args: string): Promise<string> {
  const { port } = await serve({ auth: { offered: true } });
  const wire = await Wire.hello(port);
  return (await wire.command(`MAIL ${args}`)).status;
}

async function toReply(args: string): Promise<string> {
  const { port } = await serve();
  const wire = await Wire.hello(port);
  await wire.command('MAIL FROM:<>');
  return (await wire.command(`RCPT ${args}`)).status;
}

describe('RFC 5321 §4.1.1.2: MAIL', () => {
  it.each([
    'FROM:<>',
    'from:<x@elsewhere.test>',
    'FROM: <x@elsewhere.test>',
    'FROM:<x@[192.0.2.1]>',
    'FROM:<x@[IPv6:2001:db8::1]>',
    'FROM:<"a b"@elsewhere.test>',
    'FROM:<@relay.test,@other.test:x@elsewhere.test>',
    'FROM:<x@elsewhere.test> SIZE=1000 BODY=8BITMIME AUTH=<>',
    'FROM:<x@elsewhere.test>  size=1000  ',
  ])('%s is taken', async (args) => {
    expect(await fromReply(args)).toBe('250 2.1.0');
  });

  it.each([
    ['', '501 5.5.4'],
    ['FROM', '501 5.5.4'],
    ['FROM x@elsewhere.test', '501 5.5.4'],
    ['FROM:x@elsewhere.test', '501 5.5.4'],
    ['FROM :<x@elsewhere.test>', '501 5.5.4'],
    ['TO:<x@elsewhere.test>', '501 5.5.4'],
    ['FROM:<x@elsewhere.test', '501 5.5.4'],
    ['FROM:<x@elsewhere.test>SIZE=1', '501 5.5.4'],
    ['FROM:<x>', '501 5.1.7'],
    ['FROM:<postmaster>', '501 5.1.7'],
    ['FROM:<x@>', '501 5.1.7'],
    ['FROM:<@elsewhere.test>', '501 5.5.4'],
    ['FROM:<a b@elsewhere.test>', '501 5.1.7'],
    ['FROM:<x\0@elsewhere.test>', '501 5.1.7'],
    ['FROM:<x@elsewhere.test> SIZE=x', '501 5.5.4'],
    ['FROM:<x@elsewhere.test> SIZE=1 SIZE=1', '501 5.5.4'],
    ['FROM:<x@elsewhere.test> =1', '501 5.5.4'],
    ['FROM:<x@elsewhere.test> REQUIRETLS', '555 5.5.4'],
    ['FROM:<x@elsewhere.test> XUNKNOWN=1', '555 5.5.4'],
    ['FROM:<jos\xe9@elsewhere.test>', '501 5.5.4'],
    ['FROM:<jos\xc3\xa9@elsewhere.test>', '550 5.6.7'],
    ['FROM:<x@m\xc3\xbcnchen.test>', '550 5.6.7'],
  ])('%j is refused with %s', async (args, status) => {
    expect(await fromReply(args)).toBe(status);
  });

  it('is refused inside a transaction (§4.1.4), which goes on', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('MAIL FROM:<>', 'MAIL FROM:<>', 'RCPT TO:<anna@example.test>')).toEqual([
      '250 2.1.0',
      '503 5.5.1',
      '250 2.1.5',
    ]);
  });

  it('refused parameters leave no transaction behind (§4.1.1.11)', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(await wire.dialogue('MAIL FROM:<> X=1', 'RCPT TO:<anna@example.test>')).toEqual([
      '555 5.5.4',
      '503 5.5.1',
    ]);
  });
});

describe('RFC 5321 §4.1.1.3: RCPT', () => {
  it.each([
    'TO:<anna@example.test>',
    'to: <anna@example.test>',
    'TO:<ANNA@EXAMPLE.TEST>',
    'TO:<anna+lists@example.test>',
    'TO:<"anna"@example.test>',
    'TO:<"a b"@example.test>',
    'TO:<"a@b"@example.test>',
    'TO:<@relay.test:anna@example.test>',
    'TO:<postmaster>',
    'TO:<PostMaster>',
    'TO:<postmaster@example.test>',
  ])('%s is taken', async (args) => {
    expect(await toReply(args)).toBe('250 2.1.5');
  });

  it.each([
    ['', '501 5.5.4'],
    ['TO:anna@example.test', '501 5.5.4'],
    ['TO:<>', '501 5.1.3'],
    ['TO:<anna>', '501 5.1.3'],
    ['TO:<anna@example.test.>', '501 5.1.3'],
    ['TO:<anna@[300.0.0.1]>', '501 5.1.3'],
    ['TO:<jos\xe9@example.test>', '501 5.5.4'],
    ['TO:<jos\xc3\xa9@example.test>', '553 5.6.7'],
    ['TO:<nobody@example.test>', '550 5.1.1'],
    ['TO:<x@elsewhere.test>', '550 5.7.1'],
    ['TO:<x%elsewhere.test@example.test>', '550 5.1.1'],
    ['TO:<elsewhere.test!x@example.test>', '550 5.1.1'],
    ['TO:<@example.test:x@elsewhere.test>', '550 5.7.1'],
    ['TO:<"x@elsewhere.test"@example.test>', '550 5.1.1'],
    ['TO:<x@[127.0.0.1]>', '550 5.7.1'],
  ])('%j is refused with %s', async (args, status) => {
    expect(await toReply(args)).toBe(status);
  });

  it('keeps addresses byte for byte, merges none, and loses none (§2.4)', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    const addresses = [
      'Anna@Example.test',
      'anna@example.test',
      'anna@example.test',
      '"a b"@example.test',
      'anna+X@any.test',
      'x@any.TEST',
      '"quoted\\"one"@any.test',
    ];
    await wire.command('MAIL FROM:<Someone@xn--mnchen-3ya.test>');
    for (const address of addresses) await wire.command(`RCPT TO:<${address}>`);
    await wire.dialogue('DATA', '.');
    expect(server.accepted[0]).toMatchObject({
      mail: { from: 'Someone@xn--mnchen-3ya.test' },
      recipients: addresses,
    });
  });

  it('one that is refused does no harm to the others', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    await wire.dialogue('MAIL FROM:<>', 'RCPT TO:<anna@example.test>', 'RCPT TO:<no@example.test>');
    await wire.dialogue('RCPT TO:<bert@example.test>', 'DATA', '.');
    expect(server.accepted[0]!.recipients).toEqual(['anna@example.test', 'bert@example.test']);
    expect(server.refusals).toMatchObject([{ command: 'RCPT', from: '', to: 'no@example.test' }]);
  });

  it('relays for the networks that a listener names', async () => {
    const server = await serve({ relayFrom: ['127.0.0.2/32'] });
    const relayed = await Wire.hello(server.port, { localAddress: '127.0.0.2' });
    const denied = await Wire.hello(server.port, { localAddress: '127.0.0.3' });
    const to = ['MAIL FROM:<>', 'RCPT TO:<x@elsewhere.test>'];
    expect(await relayed.dialogue(...to)).toEqual(['250 2.1.0', '250 2.1.5']);
    expect(await denied.dialogue(...to)).toEqual(['250 2.1.0', '550 5.7.1']);
  });
});
