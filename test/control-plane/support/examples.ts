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

/** Secrets that the README of an example asks for, by its command lines. */
function secretsOf(example: string): { namespace: string; kind: string; name: string; keys: string[] }[] {
  const text = readFileSync(join(EXAMPLES, example, 'README.md'), 'utf8');
  const lines = text.matchAll(/kubectl -n (\S+) create secret (generic|tls) (\S+) (.*)/g);
  return Array.from(lines, ([, namespace = '', kind = '', name = '', rest = '']) => ({
    ...{ namespace, kind, name },
    keys: Array.from(rest.matchAll(/--from-literal=([\w.-]+)=/g), ([, key = '']) => key),
  }));
}

/** Makes the namespaces and the Secrets. */
export async function bringSecrets(client: KubeClient, example: string): Promise<void> {
  const issued = await (await certificateAuthority()).issue('mail.example.test');
  for (const { namespace, kind, name, keys } of secretsOf(example)) {
    await client.apply(NAMESPACES, { metadata: { name: namespace } });
    const files = kind === 'tls' ? ['tls.crt', 'tls.key'] : keys;
    const data = encoded(
      Object.fromEntries(
        files.map((key) => [key, kind === 'tls' ? readFileSync(join(issued, key), 'utf8') : LITERAL]),
      ),
    );
    const type = kind === 'tls' ? 'kubernetes.io/tls' : 'Opaque';
    await client.apply(SECRETS, { metadata: { namespace, name }, type, data } as KubeObject);
  }
}
