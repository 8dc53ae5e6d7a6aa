import { expect, it } from 'vitest';
import type { Client } from './listen/types.ts';
import { originOf } from './origin.ts';

const client = {
  ...{ session: 's', listener: { name: 'smtp' }, address: '192.0.2.7', port: 25, protocol: 'ESMTPS' },
  ...{
    name: undefined,
    helo: undefined,
    tls: undefined,
    user: undefined,
    forwarded: undefined,
    certificate: undefined,
  },
} as unknown as Client;

it('has what is known of a client, and nothing else', () => {
  expect(originOf(client, { from: '' })).toStrictEqual({
    ...{ listener: 'smtp', protocol: 'ESMTPS', clientAddress: '192.0.2.7' },
  });
  const told = { name: 'n.test', helo: 'h', tls: 't', user: 'u', forwarded: { id: 'x' } };
  expect(originOf({ ...client, ...told, address: undefined }, { from: '', smtputf8: true })).toStrictEqual({
    ...{ listener: 'smtp', protocol: 'UTF8SMTPS', clientName: 'n.test', helo: 'h', tls: 't', user: 'u' },
    forwarded: { id: 'x' },
  });
  const shown = { trusted: true, name: 'gw.test', names: ['gw.test'] } as const;
  expect(originOf({ ...client, certificate: shown }, { from: '' })).toMatchObject({ certificate: 'gw.test' });
  const untrusted = { trusted: false, problem: 'CERT_HAS_EXPIRED' } as const;
  expect(originOf({ ...client, certificate: untrusted }, { from: '' })).not.toHaveProperty('certificate');
});

it.each([
  ['SMTP', 'UTF8SMTP'],
  ['ESMTPSA', 'UTF8SMTPSA'],
  ['LMTP', 'UTF8LMTP'],
  ['LMTPSA', 'UTF8LMTPSA'],
])('%s in UTF-8 is %s', (protocol, inUtf8) => {
  expect(originOf({ ...client, protocol }, { from: '', smtputf8: true })).toMatchObject({ protocol: inUtf8 });
});
