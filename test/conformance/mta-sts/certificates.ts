/** Certificates of every kind that a host may show, by an authority that this process trusts once `trust` has been called. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemRandom } from '../../../mta/random.ts';
import { newKeyPair, writeCertificate, writeKey } from '../../../operator/certificates/x509.ts';

export interface Identity {
  readonly key: string;
  readonly certificate: string;
}

export type Kind =
  | 'good'
  | 'expired'
  | 'notYet'
  | 'selfSigned'
  | 'unknown'
  | 'wrongName'
  | 'commonName'
  | 'partial'
  | 'wildcard';

const DAY_MS = 86_400_000;
const authority = (name: string) => ({ name, keys: newKeyPair() });
const TRUSTED = authority('trusted authority');
const OTHER = authority('unknown authority');

/** Of the authority, PEM: for other processes to trust. */
export function authorityCertificate(): string {
  const now = Date.now();
  return writeCertificate(
    {
      ...{ subject: TRUSTED.name, publicKey: TRUSTED.keys.publicKey, issuer: TRUSTED, use: 'authority' },
      ...{ notBefore: now - 30 * DAY_MS, notAfter: now + DAY_MS },
    },
    systemRandom,
  );
}

/** Beside what this process trusts already. */
export const trust = (): void => setDefaultCACertificates([...getCACertificates(), authorityCertificate()]);

/** @param all names of a good one */
export function identityOf(host: string, kind: Kind, all: string[] = [host]): Identity {
  const keys = newKeyPair();
  const now = Date.now();
  const parent = host.slice(host.indexOf('.') + 1);
  const names: Partial<Record<Kind, string[]>> = {
    ...{ wrongName: ['other.test'], commonName: [] },
    ...{ wildcard: [`*.${parent}`], partial: [`${host[0]}*.${parent}`] },
  };
  const issuer = kind === 'selfSigned' ? { name: host, keys } : kind === 'unknown' ? OTHER : TRUSTED;
  const [notBefore, notAfter] = kind === 'expired' ? [-20, -1] : kind === 'notYet' ? [1, 2] : [-1, 1];
  const certificate = writeCertificate(
    {
      ...{ subject: host, publicKey: keys.publicKey, issuer, use: 'server', names: names[kind] ?? all },
      ...{ notBefore: now + notBefore * DAY_MS, notAfter: now + notAfter * DAY_MS },
    },
    systemRandom,
  );
  return { key: writeKey(keys), certificate };
}
