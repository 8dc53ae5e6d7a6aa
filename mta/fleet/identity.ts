/**
 * Who a member is: a certificate of the fleet's own authority, whose DNS name says the fleet and the member. The three
 * files lie in one folder, as a Secret has them. Fails with `CertificateInvalid`, and what to
 * mend.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { PostriderError } from '../errors.ts';
import { type FleetName, memberHost, operatorHost } from './hosts.ts';
import type { MemberName } from './types.ts';

/** PEM, each of them. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
  /** The fleet's authority, or several while one takes over from another. */
  readonly authority: string;
}

/**
 * Reads `tls.crt`, `tls.key` and `ca.crt`, and checks that they are `self`'s. A folder that is for several members has a pair for each,
 * named after it: `mta-0.crt`, `mta-0.key`.
 */
export function readIdentity(folder: string, self: MemberName, fleet: FleetName): Identity {
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch (error) {
      throw invalid(`can't read ${name}: ${(error as Error).message}`, folder, error);
    }
  };
  const pair = existsSync(join(folder, `${self}.crt`)) ? self : 'tls';
  const identity = {
    certificate: read(`${pair}.crt`),
    key: read(`${pair}.key`),
    authority: read('ca.crt'),
  };
  let certificate: X509Certificate;
  try {
    createSecureContext({ cert: identity.certificate, key: identity.key, ca: identity.authority });
    certificate = new X509Certificate(identity.certificate);
  } catch (error) {
    throw invalid(
      `${pair}.crt, ${pair}.key and ca.crt can't be used: ${(error as Error).message}`,
      folder,
      error,
    );
  }
  if (memberOf(certificate, fleet) !== self) {
    throw invalid(`${pair}.crt is not for ${memberHost(self, fleet)}`, folder);
  }
  return identity;
}

const invalid = (what: string, folder: string, cause?: unknown) =>
  new PostriderError('CertificateInvalid', `identity of this member: ${what}`, {
    hint: `${folder} needs ca.crt, and tls.crt with tls.key for this member: docs/fleet.md`,
    cause,
  });

/** TLS 1.3, with a certificate of the fleet's authority on both sides. */
export const mutualTls = ({ certificate, key, authority }: Identity) => ({
  ...{ cert: certificate, key, ca: authority, requestCert: true, rejectUnauthorized: true },
  minVersion: 'TLSv1.3' as const,
});

/** For connections from now on. Kept ones would go on for ever with a certificate, or an authority, that is trusted no more. */
export function renewTls(server: Server, identity: Identity): void {
  server.setSecureContext(mutualTls(identity));
  server.closeIdleConnections();
}

/** The member that a certificate is for; undefined where it is for none of this fleet, or for several. */
export const memberOf = (certificate: X509Certificate, fleet: FleetName): MemberName | undefined =>
  nameIn(certificate, (name) => memberHost(name, fleet));

/** The operator that a certificate is for; undefined where it is for none of this fleet, or for several. */
export const operatorOf = (certificate: X509Certificate, fleet: FleetName): string | undefined =>
  nameIn(certificate, (name) => operatorHost(name, fleet));

function nameIn(certificate: X509Certificate, hostOf: (name: string) => string): string | undefined {
  const suffix = hostOf('');
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:') && name.endsWith(suffix))
    .map((name) => name.slice('DNS:'.length, -suffix.length));
  const [name, ...others] = names;
  if (name === undefined || others.length > 0 || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    return undefined;
  }
  // The text of the names is made for people; whether the name is really there is for OpenSSL to say.
  const checked = certificate.checkHost(hostOf(name), { wildcards: false, subject: 'never' });
  return checked === undefined ? undefined : name;
}
