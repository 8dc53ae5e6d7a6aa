/**
 * A self-signed certificate for the local mode's listeners: for one host name, localhost and the loopback addresses. It is
 * for one machine; a fleet's certificates come from Secrets.
 */
import type { Random } from '../../mta/random.ts';
import { newKeyPair, writeCertificate, writeKey } from '../../operator/certificates/x509.ts';

const DAY_MS = 86_400_000;
/** How long it is valid. */
export const VALID_MS = 365 * DAY_MS;

const NAME = 'Postrider local mode';

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** @param now ms since the epoch; validity begins an hour earlier, for clocks that are late. */
export function selfSigned(hostname: string, now: number, random: Random): Certificate {
  const keys = newKeyPair();
  const certificate = writeCertificate(
    {
      ...{ subject: NAME, publicKey: keys.publicKey, issuer: { name: NAME, keys } },
      ...{ notBefore: now - 3_600_000, notAfter: now + VALID_MS, use: 'server' },
      names: [...new Set([hostname, 'localhost']), '127.0.0.1', '::1'],
    },
    random,
  );
  return { certificate, key: writeKey(keys) };
}
