import { expect, it } from 'vitest';
import { generatedSecrets } from './generated-secrets.ts';
import type { Manifest } from './types.ts';

const user = (name: string, password: unknown): Manifest => ({
  apiVersion: 'postrider.dev/v1alpha1',
  kind: 'MailUser',
  metadata: { name, namespace: 'mail' },
  spec: {
    mtaRefs: [{ name: 'mta' }],
    username: `${name}@example.test`,
    senders: ['*@example.test'],
    password,
  },
});

it('names a Secret for every user that asks for one', () => {
  const manifests = [
    user('demo', { generate: true }),
    user('named', { generate: true, secretRef: { name: 'elsewhere', key: 'pw' } }),
    user('own', { secretRef: { name: 'own' } }),
    user('invalid', { generate: 'yes' }),
  ];
  expect(generatedSecrets(manifests)).toEqual([
    {
      namespace: 'mail',
      secretName: 'demo-password',
      key: 'password',
      resource: { kind: 'MailUser', namespace: 'mail', name: 'demo' },
      username: 'demo@example.test',
    },
    {
      namespace: 'mail',
      secretName: 'elsewhere',
      key: 'pw',
      resource: { kind: 'MailUser', namespace: 'mail', name: 'named' },
      username: 'named@example.test',
    },
  ]);
});
