/** Makes passwords for users that ask for one, in a Secret that goes with the user. One that is there is never changed. */
import { API_VERSION } from '../../crds/kind.ts';
import { mailUser, passwordSecret } from '../../crds/mail-user.ts';
import type { Random } from '../../mta/random.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeClient } from '../kube/client.ts';
import { keyOf } from '../kube/resource.ts';
import { SECRETS } from '../kube/resources.ts';
import { encoded } from '../kube/secret-data.ts';
import type { OwnObject, SecretObject, Watched } from './watched.ts';

/** 144 bits. */
const PASSWORD_BYTES = 18;

export interface PasswordControllerDeps {
  readonly client: Pick<KubeClient, 'create'>;
  readonly watched: Pick<Watched, 'own' | 'secrets'>;
  readonly random: Random;
}

export class PasswordController {
  readonly #deps: PasswordControllerDeps;

  constructor(deps: PasswordControllerDeps) {
    this.#deps = deps;
  }

  /** @param key `namespace/name` of a MailUser */
  async reconcile(key: string): Promise<undefined> {
    const { client, watched, random } = this.#deps;
    const user = watched.own('MailUser').get(key);
    const secret = user && secretFor(user, () => random.bytes(PASSWORD_BYTES).toString('base64url'));
    if (secret === undefined || watched.secrets.get(keyOf(secret.metadata)) !== undefined) return;
    try {
      await client.create(SECRETS, secret);
    } catch (error) {
      // Made by somebody since: theirs counts.
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  }

  /** Users whose Secret this may be. */
  usersOf({ metadata }: SecretObject): string[] {
    const { namespace, name } = metadata;
    return Array.from(this.#deps.watched.own('MailUser').values())
      .filter((user) => user.metadata.namespace === namespace && secretNameOf(user) === name)
      .map((user) => keyOf(user.metadata));
  }
}

/** Undefined where it asks for none. */
function wanted({ metadata, spec }: OwnObject) {
  const parsed = mailUser.spec.safeParse(spec);
  if (metadata.deletionTimestamp !== undefined || !parsed.success) return undefined;
  const { username, password } = parsed.data;
  return password?.generate === true ? { username, ...passwordSecret(metadata.name, password) } : undefined;
}

const secretNameOf = (user: OwnObject): string | undefined => wanted(user)?.name;

function secretFor(user: OwnObject, make: () => string) {
  const want = wanted(user);
  if (want === undefined) return undefined;
  const { namespace, name, uid = '' } = user.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...{ namespace: namespace!, name: want.name },
      labels: { 'app.kubernetes.io/name': 'postrider', 'app.kubernetes.io/managed-by': 'postrider' },
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'MailUser', name, uid, controller: true }],
    },
    type: 'Opaque',
    data: encoded({ username: want.username, [want.key]: make() }),
  };
}
