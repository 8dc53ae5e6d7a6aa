/** Passwords that are to be made where there is none: in the cluster in a Secret, here in a file. Pure. */
import { type GeneratedSecret, generatedSecrets } from '../../operator/compile/generated-secrets.ts';
import type { Manifest, SecretValues } from '../../operator/compile/types.ts';

export interface GeneratedPassword extends GeneratedSecret {
  /** Name of its file in the state folder. */
  readonly file: string;
}

/**
 * Those that no Secret of the manifests has. No two share a file, and none has one that the state folder needs for
 * itself: its own files don't end in `-password`.
 * @param fleetNamespace whose files are by the short name where that can't be taken for another
 */
export function missingPasswords(
  manifests: readonly Manifest[],
  secrets: readonly SecretValues[],
  fleetNamespace: string,
): GeneratedPassword[] {
  return generatedSecrets(manifests)
    .filter(({ namespace, secretName, key }) => {
      const given = secrets.find(
        ({ name, ...secret }) => secret.namespace === namespace && name === secretName,
      );
      return given === undefined || !Object.hasOwn(given.values, key);
    })
    .map((generated) => {
      const { namespace, secretName, key } = generated;
      const plain = namespace === fleetNamespace && key === 'password' && secretName.endsWith('-password');
      return { ...generated, file: plain ? secretName : `passwords/${namespace}/${secretName}/${key}` };
    });
}

/** The Secrets with the passwords added. */
export function withPasswords(
  secrets: readonly SecretValues[],
  missing: readonly GeneratedPassword[],
  passwordOf: (password: GeneratedPassword) => string,
): SecretValues[] {
  const all = [...secrets];
  for (const password of missing) {
    const { namespace, secretName: name, key } = password;
    const at = all.findIndex((secret) => secret.namespace === namespace && secret.name === name);
    const secret = { namespace, name, values: { ...all[at]?.values, [key]: passwordOf(password) } };
    if (at < 0) all.push(secret);
    else all[at] = secret;
  }
  return all;
}
