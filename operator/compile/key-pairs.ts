/** Certificate chains with their keys: where they come from, and what they are called in the config. */
import type { ShownPair } from './key-rollover.ts';
import { type Secrets, type SecretUse, secretId } from './secrets.ts';
import type { Environment } from './types.ts';

/** Of a Secret of type kubernetes.io/tls; undefined after it was reported. */
export function pairOf(
  secrets: Secrets,
  use: Pick<SecretUse, 'resource' | 'namespace' | 'name' | 'path'>,
): ShownPair | undefined {
  const pair = secrets.findKeyPair(
    { ...use, key: 'tls.crt', what: 'the certificate chain, PEM' },
    { ...use, key: 'tls.key', what: 'its key, PEM' },
  );
  if (pair === undefined) return undefined;
  const id = (key: string) => secretId(use.namespace ?? use.resource.namespace, use.name, key);
  return { ids: { certificate: id('tls.crt'), key: id('tls.key') }, ...pair };
}

/** The local mode's own. */
export const fallbackPair = (
  mta: { readonly id: string },
  { certificate: chain, key }: NonNullable<Environment['fallbackCertificate']>,
): ShownPair => ({
  ids: { certificate: `${mta.id}/fallback-certificate`, key: `${mta.id}/fallback-key` },
  ...{ chain, key },
});

/** Puts a pair into the config, and gives its ids there back. */
export const usePair = (secrets: Secrets, { ids, chain, key }: ShownPair): ShownPair['ids'] => ({
  certificate: secrets.use(ids.certificate, chain),
  key: secrets.use(ids.key, key),
});
