import { expect, it } from 'vitest';
import { missingPasswords, withPasswords } from './passwords.ts';

const user = (namespace: string, name: string, secretRef?: object) => ({
  apiVersion: 'postrider.dev/v1alpha1',
  kind: 'MailUser',
  metadata: { name, namespace },
  spec: {
    mtaRefs: [{ name: 'mta', namespace: 'mail' }],
    username: name,
    senders: ['a@a.test'],
    password: { generate: true, ...(secretRef !== undefined && { secretRef }) },
  },
});

const filesOf = (...users: ReturnType<typeof user>[]) =>
  missingPasswords(users, [], 'mail').map(({ file }) => file);

it('the quickstart’s password has the short name', () => {
  expect(filesOf(user('mail', 'demo'))).toEqual(['demo-password']);
});

it('no password shares a file with another one', () => {
  const files = filesOf(
    user('mail', 'a', { name: 'x.y-password' }),
    user('x', 'b', { name: 'y-password' }),
    user('mail', 'c', { name: 'x', key: 'y-password' }),
    user('mail', 'd', { name: 'x.y-password', key: 'k' }),
  );
  expect(new Set(files).size).toBe(4);
});

it('no password is a file of the state folder itself', () => {
  const own = [
    'control-token',
    'password-salt',
    'config.json',
    'up.lock',
    'mta.log',
    'queue',
    'inbox',
    'tls',
  ];
  for (const name of own)
    expect(filesOf(user('mail', 'a', { name }))).toEqual([`passwords/mail/${name}/password`]);
});

it('a Secret has the keys that it has, not those of every object', () => {
  const asked = user('mail', 'a', { name: 's', key: 'constructor' });
  const given = [{ namespace: 'mail', name: 's', values: { other: 'x' } }];
  const missing = missingPasswords([asked], given, 'mail');
  expect(withPasswords(given, missing, () => 'made')[0]!.values).toEqual({ other: 'x', constructor: 'made' });
});
