/** An authority of a test that signs at once, without a program: certificates that are good, and such as are not. */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { systemRandom } from '../../mta/random.ts';
import { newKeyPair, writeCertificate, writeKey } from '../../operator/certificates/x509.ts';

export interface Issued {
  /** PEM. */
  readonly crt: string;
  readonly key: string;
}

export interface Issuer {
  /** PEM. */
  readonly certificate: string;
  issue(names: readonly string[], how?: IssueOptions): Issued;
}

export interface IssueOptions {
  readonly use?: 'server' | 'server and client';
  readonly expired?: boolean;
  /** For how long it is good from now; one where absent. */
  readonly days?: number;
  /** PEM of a key that there is; a new one where absent. */
  readonly key?: string;
  /** Common name. */
  readonly subject?: string;
}

const DAY_MS = 86_400_000;

export function issuer(name: string): Issuer {
  const authority = { name, keys: newKeyPair() };
  const now = Date.now();
  const common = { issuer: authority, notBefore: now - 2 * DAY_MS };
  return {
    certificate: writeCertificate(
      {
        ...common,
        ...{ subject: name, publicKey: authority.keys.publicKey, use: 'authority', notAfter: now + DAY_MS },
      },
      systemRandom,
    ),
    issue(
      names,
      { use = 'server and client', expired = false, days = 1, key, subject = names[0] ?? 'nobody' } = {},
    ) {
      const keys =
        key === undefined
          ? newKeyPair()
          : { publicKey: createPublicKey(key), privateKey: createPrivateKey(key) };
      const notAfter = expired ? now - DAY_MS : now + days * DAY_MS;
      const request = { ...common, subject, publicKey: keys.publicKey, use, names, notAfter };
      return { crt: writeCertificate(request, systemRandom), key: writeKey(keys) };
    },
  };
}
