/** Which passwords are to be made: users that ask for one. */
import { passwordSecret } from '../../crds/mail-user.ts';
import { read } from './read.ts';
import { Report } from './report.ts';
import type { Manifest, ObjectRef } from './types.ts';

export interface GeneratedSecret {
  readonly namespace: string;
  readonly secretName: string;
  readonly key: string;
  /** The MailUser that asks for it. */
  readonly resource: ObjectRef;
  readonly username: string;
}

/**
 * One entry for each valid MailUser with `password.generate`, by age: the caller makes those that don't exist, and
 * never changes one that does. Two users may name the same value.
 */
export function generatedSecrets(manifests: readonly Manifest[]): GeneratedSecret[] {
  return read(manifests, new Report())
    .of('MailUser')
    .flatMap(({ ref, spec: { username, password } }) => {
      if (!password?.generate) return [];
      const { name, key } = passwordSecret(ref.name, password);
      return { namespace: ref.namespace, secretName: name, key, resource: ref, username };
    });
}
