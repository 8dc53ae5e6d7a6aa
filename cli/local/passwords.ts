/** MailUsers whose password is to be made where there is none: in the cluster in a Secret, here in a file. Pure. */
import { mailUser, passwordSecret } from '../../crds/mail-user.ts';
import type { Manifest, SecretValues } from '../../operator/compile/types.ts';
import { DEFAULT_NAMESPACE } from '../manifests/collect.ts';

export interface GeneratedPassword {
  readonly username: string;
  readonly namespace: string;
  readonly secret: string;
  readonly key: string;
  /** Name of the file in the state folder. */
  readonly file: string;
}

/** @param fleetNamespace whose users' files need no namespace in their names. */
export function generatedPasswords(
  manifests: readonly Manifest[],
  secrets: readonly SecretValues[],
  fleetNamespace: string,
): GeneratedPassword[] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    if (kind !== 'MailUser') return [];
    // Compile says what is wrong with it.
    const { data } = mailUser.spec.safeParse(spec);
    if (!data?.password?.generate) return [];
    const namespace = metadata.namespace ?? DEFAULT_NAMESPACE;
    const { name: secret, key } = passwordSecret(metadata.name, data.password);
    const given = secrets.find((candidate) => candidate.namespace === namespace && candidate.name === secret);
    if (given?.values[key] !== undefined) return [];
    const prefix = namespace === fleetNamespace ? '' : `${namespace}.`;
    const file = `${prefix}${secret}${key === 'password' ? '' : `.${key}`}`;
    return [{ username: data.username, namespace, secret, key, file }];
  });
}

/** The Secrets with the passwords added. */
export function withPasswords(
  secrets: readonly SecretValues[],
  generated: readonly GeneratedPassword[],
  passwordOf: (password: GeneratedPassword) => string,
): SecretValues[] {
  const all = [...secrets];
  for (const password of generated) {
    const { namespace, secret, key } = password;
    const at = all.findIndex((candidate) => candidate.namespace === namespace && candidate.name === secret);
    const values = { ...all[at]?.values, [key]: passwordOf(password) };
    all.splice(at < 0 ? all.length : at, at < 0 ? 0 : 1, { namespace, name: secret, values });
  }
  return all;
}
