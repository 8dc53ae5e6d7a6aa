/**
 * The TLSA records of a listener's certificates: `3 1 1` (RFC 7672 §3.1), the digest of a key, so that a certificate that is renewed with the same
 * key changes nothing. Each name has the keys of all certificates that a client may be shown who comes by it. Pure.
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { DnsRecord } from '../../crds/status.ts';
import { certificateFor, firstOfEachKind } from '../../mta/listen/server-name.ts';
import { domainName } from './names.ts';

/** MX records have no port: it is 25 to the world, whatever pods listen on. */
const OWNER = '_25._tcp.';

/** @param certificate PEM, of the server first */
export const tlsaValue = (certificate: string): string => ofKey(new X509Certificate(certificate));

const ofKey = ({ publicKey }: X509Certificate): string => {
  const key = publicKey.export({ type: 'spki', format: 'der' });
  return `3 1 1 ${createHash('sha256').update(key).digest('hex')}`;
};

/**
 * @param names in lower case; where there are none, the hostname and the names in the certificates are meant
 * @param chains PEM, as the listener has them: the first is for clients that ask for no name, or for one that none has
 */
export function tlsaRecords(
  names: readonly string[],
  hostname: string,
  chains: readonly string[],
): readonly DnsRecord[] {
  const certificates = chains.map((chain) => new X509Certificate(chain));
  if (certificates.length === 0) return [];
  const wanted = names.length > 0 ? names : [hostname, ...certificates.flatMap(namesIn)];
  const unasked = firstOfEachKind(certificates);
  const values = certificates.map(ofKey);
  return [...new Set(wanted)]
    .filter((name) => OWNER.length + name.length <= 253)
    .flatMap((name) =>
      [...new Set([certificateFor(certificates, name), ...unasked])].map(
        (place): DnsRecord => ({
          ...{ name: `${OWNER}${name}`, type: 'TLSA' },
          value: values[place]!,
        }),
      ),
    );
}

/** A wildcard is no name that an MX record could have. */
const namesIn = ({ subjectAltName = '' }: X509Certificate): string[] =>
  subjectAltName
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .flatMap((name) => domainName(name.slice('DNS:'.length)) ?? []);

/** By name and value, each once: of two, the first. */
export function withoutTwins(records: readonly DnsRecord[]): readonly DnsRecord[] {
  const all = new Map<string, DnsRecord>();
  for (const record of records) if (!all.has(keyOf(record))) all.set(keyOf(record), record);
  return [...all].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, record]) => record);
}

/** Two of one key are the same record. */
export const keyOf = ({ name, type, value }: DnsRecord): string => `${name} ${type} ${value}`;
