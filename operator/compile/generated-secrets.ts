/** Which passwords are to be made: users that ask for one. */
import type { MailUserSpec } from '../../crds/mail-user.ts';
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
}

/**
 * One entry for each valid MailUser with `password.generate`, by age: the caller makes those that don't exist, and
 * never changes one that does. Two users may name the same value.
 */
export function generatedSecrets(manifests: readonly Manifest[]): GeneratedSecret[] {
  return read(manifests, new Report())
    .of('MailUser')
    .filter(({ spec }) => generates(spec))
    .map(({ ref, spec }) => {
      const { name, key } = passwordSecret(ref.name, spec.password!);
      return { namespace: ref.namespace, secretName: name, key, resource: ref };
    });
}

const generates = (spec: MailUserSpec): boolean => spec.password?.generate === true;
