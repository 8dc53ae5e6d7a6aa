/**
 * Writes X.509 certificates (RFC 5280) of one shape: P-256, signed with ECDSA and SHA-256, for servers and clients, or for
 * authorities that sign such. Node verifies certificates and can't make them. Pure but for the keys, which node:crypto makes.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
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

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const newKeyPair = (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-256' });

export interface CertificateRequest {
  /** Common name. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  /** Common name and key of who signs: the subject's own where it signs itself. */
  readonly issuer: { readonly name: string; readonly keys: KeyPair };
  /** Ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly use: 'authority' | 'server' | 'server and client';
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
}

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const SERVER = oid('1.3.6.1.5.5.7.3.1');
const CLIENT = oid('1.3.6.1.5.5.7.3.2');

/** PEM. */
export function writeCertificate(request: CertificateRequest, random: Random): string {
  const { subject, issuer, publicKey, notBefore, notAfter } = request;
  const toBeSigned = sequence(
    constructed(0, integer(Buffer.from([2]))),
    // RFC 5280 §4.1.2.2: positive, at most 20 octets.
    integer(Buffer.concat([Buffer.from([1]), random.bytes(15)])),
    ECDSA_WITH_SHA256,
    commonName(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    constructed(3, sequence(...extensionsOf(request))),
  );
  const signature = sign('sha256', toBeSigned, issuer.keys.privateKey);
  const der = sequence(toBeSigned, ECDSA_WITH_SHA256, bits(signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** PEM, PKCS #8. */
export const writeKey = ({ privateKey }: KeyPair): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const commonName = (name: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), utf8(name))));

function extensionsOf({ use, names = [], publicKey, issuer }: CertificateRequest): Buffer[] {
  const isAuthority = use === 'authority';
  const usages = use === 'server' ? [SERVER] : [SERVER, CLIENT];
  return [
    // RFC 5280 §4.2.1.9: an authority signs no other.
    extension(
      '2.5.29.19',
      true,
      isAuthority ? sequence(boolean(true), integer(Buffer.from([0]))) : sequence(),
    ),
    // RFC 5280 §4.2.1.3: keyCertSign, or digitalSignature.
    extension('2.5.29.15', true, isAuthority ? bits(Buffer.from([0x04]), 2) : bits(Buffer.from([0x80]), 7)),
    ...(isAuthority ? [] : [extension('2.5.29.37', false, sequence(...usages))]),
    ...(names.length > 0 ? [extension('2.5.29.17', false, sequence(...names.map(generalName)))] : []),
    extension('2.5.29.14', false, octets(keyId(publicKey))),
    extension('2.5.29.35', false, sequence(primitive(0, keyId(issuer.keys.publicKey)))),
  ];
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

/** Tells authorities of one name apart while one takes over from another (RFC 5280 §4.2.1.2). */
const keyId = (key: KeyObject): Buffer =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);

/** RFC 5280 §4.2.1.6. Throws for an IPv6 address other than `::1`: nobody needs one. */
function generalName(name: string): Buffer {
  if (isIPv4(name)) return primitive(7, Buffer.from(name.split('.').map(Number)));
  if (name === '::1') return primitive(7, Buffer.from([...Array(15).fill(0), 1]));
  if (isIPv6(name)) throw new Error(`${name}: no certificate is made for an IPv6 address`);
  return primitive(2, Buffer.from(name));
}
