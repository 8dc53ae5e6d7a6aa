/** The folders of examples/, and what their READMEs ask people to bring. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { NAMESPACES, SECRETS } from '../../../operator/kube/resources.ts';
import { encoded } from '../../../operator/kube/secret-data.ts';
import { certificateAuthority } from '../../support/authority.ts';
import { ROOT } from './helm.ts';

export const EXAMPLES = join(ROOT, 'examples');

/** Every user name and every password in the Secrets that are brought. */
export const LITERAL = 'geheim';

/** A key of the form that the README makes one of. */
const SIGNING_KEY = `whsec_${Buffer.alloc(32, LITERAL).toString('base64')}`;

/** Secrets that the README of an example asks for, by its command lines. */
function secretsOf(example: string): {
  namespace: string;
  kind: string;
  name: string;
  literals: Record<string, string>;
  /** Of a certificate, where the README says them. */
  hosts: readonly string[];
}[] {
  const text = readFileSync(join(EXAMPLES, example, 'README.md'), 'utf8');
  const lines = text.matchAll(/kubectl -n (\S+) create secret (generic|tls) (\S+) (.*)/g);
  return Array.from(lines, ([, namespace = '', kind = '', name = '', rest = '']) => ({
    ...{ namespace, kind, name },
    hosts: /# for ([^;]+)/.exec(rest)?.[1]?.split(' ') ?? [],
    literals: Object.fromEntries(
      Array.from(rest.matchAll(/--from-literal=([\w.-]+)=("whsec_)?/g), ([, key = '', isKey]) => [
        key,
        isKey === undefined ? LITERAL : SIGNING_KEY,
      ]),
    ),
  }));
}

/** Makes the namespaces and the Secrets. @returns the authority of the certificates in them, PEM */
export async function bringSecrets(client: KubeClient, example: string): Promise<string> {
  const authority = await certificateAuthority();
  const identity = async (hosts: readonly string[]) => {
    const issued = await authority.issue('mail.example.test', ...hosts);
    return Object.fromEntries(
      ['tls.crt', 'tls.key'].map((file) => [file, readFileSync(join(issued, file), 'utf8')]),
    );
  };
  for (const { namespace, kind, name, literals, hosts } of secretsOf(example)) {
    await client.apply(NAMESPACES, { metadata: { name: namespace } });
    const data = encoded(kind === 'tls' ? await identity(hosts) : literals);
    const type = kind === 'tls' ? 'kubernetes.io/tls' : 'Opaque';
    await client.apply(SECRETS, { metadata: { namespace, name }, type, data } as KubeObject);
  }
  return authority.certificate;
}
