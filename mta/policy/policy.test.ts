import { describe, expect, it } from 'vitest';
import type { Domain, Listener, MtaConfig, User } from '../config.ts';
import { SmtpError } from '../errors.ts';
import type { Client, Mail } from '../listen/types.ts';
import { compilePolicy } from './policy.ts';
import type { Verifier } from './verifier.ts';

const PHC = '$scrypt$ln=15,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$BwcHBwcHBwcHBwcHBwcHBw';

const domain = (name: string, more: Partial<Domain> = {}) =>
  ({
    domain: name,
    aliases: [],
    recipients: { mode: 'any', list: [] },
    target: { type: 'lmtp' },
    ...more,
  }) as unknown as Domain;

const user = (username: string, senders: string[], limits: User['limits'] = {}) =>
  ({ resource: `MailUser/mail/${username}`, username, verifier: 'v', senders, limits }) satisfies User;

const listener = (
  name: string,
  role: Listener['role'],
  relayFrom: string[] = [],
  tls: Partial<Listener['tls']> = {},
) => ({ name, role, relayFrom, tls }) as unknown as Listener;

const listeners = [
  listener('smtp', 'smtp', ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']),
  listener('submission', 'submission', ['10.9.0.0/16']),
  listener('named', 'smtp', [], {
    clientAuth: { ca: 'ca', required: false, relayFrom: ['gw.test', '*.apps.test'] },
  }),
  listener('all', 'submission', [], { clientAuth: { ca: 'ca', required: false, relayFrom: ['*'] } }),
];

const trusting: Verifier = { verify: async (password, phc) => phc !== undefined && password === 'right' };

const policy = compilePolicy(
  {
    listeners,
    domains: [
      domain('example.test', {
        aliases: ['alias.test'],
        recipients: { mode: 'list', list: ['Anna', 'b.c'], subaddressDelimiter: '+' },
      }),
      domain('any.test', { messageSize: 1000 }),
      domain('gateway.test', { target: { type: 'smtp', hosts: [] } }),
    ],
    users: [
      user('demo', ['demo@example.test', '*@any.test'], { messageSize: 500, recipients: 2 }),
      user('all', ['*@example.test']),
    ],
    secrets: { v: PHC },
  } as unknown as MtaConfig,
  trusting,
);

const client = (more: Partial<Client> & { on?: number } = {}): Client => ({
  session: 's',
  listener: listeners[more.on ?? 0]!,
  address: '198.51.100.1',
  port: 1,
  name: undefined,
  forwarded: undefined,
  helo: 'client.test',
  protocol: 'ESMTP',
  tls: undefined,
  certificate: undefined,
  user: undefined,
  ...more,
});

const mail = (from = 'x@elsewhere.test', more: Partial<Mail> = {}): Mail => ({ from, ...more });

function answer(work: () => void): string {
  try {
    work();
    return 'ok';
  } catch (error) {
    if (error instanceof SmtpError) return `${error.code} ${error.enhanced}`;
    throw error;
  }
}

const rcpt = (address: string, who = client(), accepted: string[] = [], what = mail()) =>
  answer(() =>
    policy.checkRecipient(
      who,
      what,
      { address },
      accepted.map((to) => ({ address: to })),
    ),
  );

describe('checkRecipient', () => {
  it.each([
    ['anna@example.test', 'ok'],
    ['ANNA@Example.TEST', 'ok'],
    ['"anna"@example.test', 'ok'],
    ['b.c@example.test', 'ok'],
    ['anna+lists@example.test', 'ok'],
    ['anna@alias.test', 'ok'],
    ['postmaster@example.test', 'ok'],
    ['PostMaster@alias.test', 'ok'],
    ['postmaster', 'ok'],
    ['nobody@example.test', '550 5.1.1'],
    ['+lists@example.test', '550 5.1.1'],
    ['nobody+anna@example.test', '550 5.1.1'],
    ['anna@sub.example.test', '550 5.7.1'],
    ['whoever@any.test', 'ok'],
    ['x@elsewhere.test', '550 5.7.1'],
    ['x%elsewhere.test@example.test', '550 5.1.1'],
    ['anna@[192.0.2.1]', '550 5.7.1'],
  ])('from anyone to %s: %s', (address, expected) => {
    expect(rcpt(address)).toBe(expected);
  });

  it.each([
    ['10.1.2.3', 'ok'],
    ['11.1.2.3', '550 5.7.1'],
    ['2001:db8::1', 'ok'],
    ['2001:db9::1', '550 5.7.1'],
    ['::ffff:10.1.2.3', 'ok'],
    ['192.0.2.7', 'ok'],
    ['192.0.2.8', '550 5.7.1'],
  ])('relays for named networks alone: %s %s', (address, expected) => {
    expect(rcpt('x@elsewhere.test', client({ address }))).toBe(expected);
  });

  it.each([
    ['gw.test', 2, 'ok'],
    ['GW.test', 2, 'ok'],
    ['a.b.apps.test', 2, 'ok'],
    ['apps.test', 2, '550 5.7.1'],
    ['x.gw.test', 2, '550 5.7.1'],
    ['gw.test', 0, '550 5.7.1'],
    ['gw.test', 1, '550 5.7.1'],
    ['gw.test', 3, 'ok'],
    ['whoever.test', 3, 'ok'],
    [undefined, 3, 'ok'],
    [undefined, 2, '550 5.7.1'],
  ])('relays for certificates that the listener names: %s on listener %i: %s', (name, on, expected) => {
    const names = name === undefined ? [] : [name];
    const certificate = { trusted: true, name: name ?? 'CN=x', names } as const;
    expect(rcpt('x@elsewhere.test', client({ certificate, on }))).toBe(expected);
    expect(rcpt('x@elsewhere.test', client({ certificate: { trusted: false, problem: 'x' }, on }))).toBe(
      '550 5.7.1',
    );
  });

  it('relays for users, but not for users that are gone', () => {
    expect(rcpt('x@elsewhere.test', client({ user: 'all', on: 1 }))).toBe('ok');
    expect(rcpt('x@elsewhere.test', client({ user: 'gone', on: 1 }))).toBe('550 5.7.1');
  });

  it.each([
    'x%elsewhere.test@',
    'elsewhere.test!x@',
    '"x@elsewhere.test"@',
    '"x\\@elsewhere.test"@',
    '"x%elsewhere.test"@',
  ])(
    'passes no route within the local part %s on to a server that relays for us, but for who may relay',
    (local) => {
      expect(rcpt(`${local}gateway.test`)).toBe('550 5.7.1');
      expect(rcpt(`${local}gateway.test`, client({ address: '10.1.2.3' }))).toBe('ok');
      expect(rcpt(`${local}gateway.test`, client({ user: 'all', on: 1 }))).toBe('ok');
      expect(rcpt(`${local}any.test`)).toBe('ok');
      expect(rcpt('x.elsewhere@gateway.test')).toBe('ok');
    },
  );

  it("knows a user's limit of recipients", () => {
    const demo = client({ user: 'demo', on: 1 });
    expect(rcpt('c@elsewhere.test', demo, ['a@b.test'])).toBe('ok');
    expect(rcpt('c@elsewhere.test', demo, ['a@b.test', 'b@b.test'])).toBe('452 4.5.3');
  });

  it("knows a domain's limit of size", () => {
    expect(rcpt('x@any.test', client(), [], mail('a@b.test', { declaredSize: 1001 }))).toBe('552 5.3.4');
    expect(rcpt('x@any.test', client(), [], mail('a@b.test', { declaredSize: 1000 }))).toBe('ok');
  });
});

describe('checkSender', () => {
  it.each([
    ['demo', 'demo@example.test', 'ok'],
    ['demo', 'Demo@EXAMPLE.test', 'ok'],
    ['demo', 'other@example.test', '553 5.7.1'],
    ['demo', 'whoever@any.test', 'ok'],
    ['demo', 'x@sub.any.test', '553 5.7.1'],
    ['demo', '', 'ok'],
    ['all', 'demo@example.test', 'ok'],
    ['all', 'x@any.test', '553 5.7.1'],
    ['gone', 'demo@example.test', '530 5.7.0'],
  ])('%s as %s: %s', (name, from, expected) => {
    expect(answer(() => policy.checkSender(client({ user: name, on: 1 }), mail(from)))).toBe(expected);
  });

  it('takes submissions from users and named networks alone', () => {
    const sender = (who: Client) => answer(() => policy.checkSender(who, mail()));
    expect(sender(client({ on: 1 }))).toBe('530 5.7.0');
    expect(sender(client({ on: 1, address: '10.9.0.1' }))).toBe('ok');
    expect(sender(client({ on: 1, address: '10.8.0.1' }))).toBe('530 5.7.0');
    expect(sender(client())).toBe('ok');
  });

  it("knows a user's limit of size", () => {
    const demo = client({ user: 'demo', on: 1 });
    const big = mail('demo@example.test', { declaredSize: 501 });
    expect(answer(() => policy.checkSender(demo, big))).toBe('552 5.3.4');
  });
});

describe('authenticate', () => {
  it('resolves with the name, or rejects with 535 for a wrong password and for nobody alike', async () => {
    expect(await policy.authenticate('demo', 'right')).toBe('demo');
    const wrong = expect.objectContaining({ code: 535, enhanced: '5.7.8' });
    await expect(policy.authenticate('demo', 'wrong')).rejects.toEqual(wrong);
    await expect(policy.authenticate('nobody', 'right')).rejects.toEqual(wrong);
  });

  it('a verifier that is missing or broken makes the config invalid', () => {
    const config = { listeners: [], domains: [], users: [user('demo', ['a@b.test'])] };
    for (const secrets of [{}, { v: 'secret' }]) {
      expect(() => compilePolicy({ ...config, secrets } as unknown as MtaConfig, trusting)).toThrow(
        expect.objectContaining({ code: 'ConfigInvalid' }),
      );
    }
  });
});

describe('messageLimits', () => {
  it('are for each recipient the lesser of what the user and the domain allow', () => {
    const limits = (who: Client, ...to: string[]) =>
      policy.messageLimits(
        who,
        to.map((address) => ({ address })),
      );
    expect(limits(client(), 'x@elsewhere.test', 'y@any.test')).toEqual([Infinity, 1000]);
    expect(limits(client({ user: 'demo' }), 'x@elsewhere.test', 'y@any.test')).toEqual([500, 500]);
  });
});
