/**
 * The authorities of one fleet: which are trusted, which signs, when the next one is made and when one goes. Pure decisions over a
 * list, of which the newest is last.
 *
 * Nobody is ever shown a certificate that he doesn't trust yet: the next authority is trusted for a while by everybody before it
 * signs, and the one before it for a while after its last certificate was replaced. A while is longer than it takes until a
 * Secret has come to every pod and was read there.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import type { Random } from '../../mta/random.ts';
import { type KeyPair, newKeyPair, writeCertificate, writeKey } from './x509.ts';

export interface Pem {
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const WHILE_MS = 3_600_000;
/** Clocks of pods may be late. */
const BACKDATE_MS = 3_600_000;
const AUTHORITY_DAYS = 3 * 365;
const CERTIFICATE_DAYS = 90;

export interface Decision {
  /** What is kept and trusted from now on. */
  readonly authorities: readonly Pem[];
  /** Signs what is issued now: one of them. */
  readonly signer: Pem;
  /** When to look again, in ms since the epoch. */
  readonly next: number;
}

/** @param now ms since the epoch */
export function decide(authorities: readonly Pem[], name: string, now: number, random: Random): Decision {
  const known = authorities
    .map((pem) => ({ pem, ...times(pem.certificate) }))
    .filter(({ to }) => to > now)
    .sort((a, b) => a.from - b.from);
  const newest = known.at(-1);
  if (newest === undefined || now >= newest.renew) {
    const pem = newAuthority(name, now, random);
    known.push({ pem, ...times(pem.certificate) });
  }
  const signer = known.findLast((each, i) => i === 0 || now >= each.from + WHILE_MS)!;
  // What it signed was replaced when the signer took over.
  const kept = known.filter(({ from }) => from >= signer.from || now < signer.from + 2 * WHILE_MS);
  const isChanging = kept.length > 1;
  return {
    authorities: kept.map(({ pem }) => pem),
    signer: signer.pem,
    next: isChanging ? now + WHILE_MS : kept.at(-1)!.renew,
  };
}

/** Whether a certificate has to be issued anew: for another name, by another authority, or as it grows old. */
export function isStale(certificate: string | undefined, host: string, signer: Pem, now: number): boolean {
  if (certificate === undefined) return true;
  try {
    const found = new X509Certificate(certificate);
    const authority = new X509Certificate(signer.certificate);
    const isOurs = found.checkIssued(authority) && found.verify(authority.publicKey);
    return found.subjectAltName !== `DNS:${host}` || !isOurs || now >= times(certificate).renew;
  } catch {
    return true;
  }
}

/** A certificate for both ends of a connection. */
export function issue(host: string, signer: Pem, now: number, random: Random): Pem {
  const keys = newKeyPair();
  const notAfter = Math.min(now + CERTIFICATE_DAYS * DAY_MS, times(signer.certificate).to);
  const certificate = writeCertificate(
    {
      ...{ subject: 'member of a fleet', publicKey: keys.publicKey, issuer: issuerOf(signer) },
      ...{ notBefore: now - BACKDATE_MS, notAfter, use: 'server and client', names: [host] },
    },
    random,
  );
  return { certificate, key: writeKey(keys) };
}

function newAuthority(name: string, now: number, random: Random): Pem {
  const keys = newKeyPair();
  const certificate = writeCertificate(
    {
      ...{ subject: name, publicKey: keys.publicKey, issuer: { name, keys }, use: 'authority' },
      ...{ notBefore: now - BACKDATE_MS, notAfter: now + AUTHORITY_DAYS * DAY_MS },
    },
    random,
  );
  return { certificate, key: writeKey(keys) };
}

function issuerOf({ certificate, key }: Pem): { name: string; keys: KeyPair } {
  const privateKey = createPrivateKey(key);
  const name = /^CN=(.*)$/m.exec(new X509Certificate(certificate).subject)![1]!;
  return { name, keys: { privateKey, publicKey: createPublicKey(privateKey) } };
}

/** When it was made, when it ends, and when its successor is due: after two thirds of its time. */
function times(certificate: string): { from: number; to: number; renew: number } {
  const x509 = new X509Certificate(certificate);
  const from = Date.parse(x509.validFrom) + BACKDATE_MS;
  const to = Date.parse(x509.validTo);
  return { from, to, renew: from + ((to - from) * 2) / 3 };
}
