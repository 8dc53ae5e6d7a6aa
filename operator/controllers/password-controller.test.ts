import { describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { ApiError } from '../kube/api-error.ts';
import { Cache } from '../kube/cache.ts';
import { PasswordController } from './password-controller.ts';
import type { OwnObject, SecretObject } from './watched.ts';

const user = (password: object, more: object = {}): OwnObject => ({
  metadata: { namespace: 'red', name: 'app', uid: 'u1', ...more },
  spec: {
    ...{ mtaRefs: [{ name: 'mta' }], username: 'app@red.example', senders: ['app@red.example'] },
    password,
  },
});

function world(of: OwnObject, secrets: readonly SecretObject[] = [], refuse?: Error) {
  const [users, kept] = [new Cache<OwnObject>(), new Cache<SecretObject>()];
  users.replace([of]);
  kept.replace(secrets);
  const made: { metadata: object; data: Record<string, string> }[] = [];
  const controller = new PasswordController({
    client: {
      create: async (_type, object) => {
        if (refuse) throw refuse;
        made.push(object as never);
        return object;
      },
    },
    watched: { own: () => users, secrets: kept },
    random: seeded(1),
  });
  return { controller, made };
}

describe('a password that is asked for', () => {
  it('is made in a Secret that goes with its user', async () => {
    const { controller, made } = world(user({ generate: true }));
    await controller.reconcile('red/app');
    expect(made).toMatchObject([
      {
        metadata: {
          ...{ namespace: 'red', name: 'app-password' },
          ownerReferences: [{ kind: 'MailUser', name: 'app', uid: 'u1' }],
        },
        data: { username: Buffer.from('app@red.example').toString('base64') },
      },
    ]);
    const password = Buffer.from(made[0]!.data['password']!, 'base64').toString();
    expect(password).toMatch(/^[\w-]{24}$/);
  });

  it('is put where the user says', async () => {
    const { controller, made } = world(user({ generate: true, secretRef: { name: 'mine', key: 'pw' } }));
    await controller.reconcile('red/app');
    expect(made[0]!.metadata).toMatchObject({ name: 'mine' });
    expect(Object.keys(made[0]!.data)).toEqual(['username', 'pw']);
    expect(controller.usersOf({ metadata: { namespace: 'red', name: 'mine' } })).toEqual(['red/app']);
    expect(controller.usersOf({ metadata: { namespace: 'blue', name: 'mine' } })).toEqual([]);
  });

  it('is not made anew, nor into a Secret of somebody else', async () => {
    const there = { metadata: { namespace: 'red', name: 'app-password' } };
    const { controller, made } = world(user({ generate: true }), [there]);
    await controller.reconcile('red/app');
    expect(made).toEqual([]);
    const late = world(user({ generate: true }), [], new ApiError(409, 'AlreadyExists', 'it is there'));
    await late.controller.reconcile('red/app');
  });

  it('is made for nobody who does not ask, nor for one who goes', async () => {
    for (const none of [
      user({ secretRef: { name: 'mine' } }),
      user({ generate: true }, { deletionTimestamp: '2026-11-29T00:00:00Z' }),
    ]) {
      const { controller, made } = world(none);
      await controller.reconcile('red/app');
      expect(made).toEqual([]);
    }
  });
});
