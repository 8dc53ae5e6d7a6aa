/**
 * A self-signed certificate for the local mode's listeners: P-256, for one host name, localhost and the loopback
 * addresses (RFC 5280). It is for one machine; a fleet's certificates come from Secrets.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Random } from '../../mta/random.ts';
import {
  bits,
  boolean,
  constructed,
  integer,
  octets,
  oid,
  primitive,
  sequence,
  set,
  time,
  utf8,
} from './der.ts';

const DAY_MS = 86_400_000;
/** How long it is valid. */
export const VALID_MS = 365 * DAY_MS;

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** @param now ms since the epoch; validity begins an hour earlier, for clocks that are late. */
export function selfSigned(hostname: string, now: number, random: Random): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const name = sequence(set(sequence(oid('2.5.4.3'), utf8('Postrider local mode'))));
  const names = [...new Set([hostname, 'localhost'])].map((dns) => primitive(2, Buffer.from(dns)));
  const addresses = [Buffer.from([127, 0, 0, 1]), Buffer.from([...Array(15).fill(0), 1])].map((ip) =>
    primitive(7, ip),
  );
  const extension = (id: string, critical: boolean, value: Buffer) =>
    sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

  const toBeSigned = sequence(
    constructed(0, integer(Buffer.from([2]))),
    // RFC 5280 §4.1.2.2: positive, at most 20 octets.
    integer(Buffer.concat([Buffer.from([1]), random.bytes(15)])),
    ecdsaWithSha256,
    name,
    sequence(time(now - 3_600_000), time(now + VALID_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    constructed(
      3,
      sequence(
        extension('2.5.29.19', true, sequence()), // basicConstraints: no CA
        extension('2.5.29.15', true, bits(Buffer.from([0x80]), 7)), // keyUsage: digitalSignature
        extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))), // extKeyUsage: serverAuth
        extension('2.5.29.17', false, sequence(...names, ...addresses)), // subjectAltName
      ),
    ),
  );
  const der = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, privateKey)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
