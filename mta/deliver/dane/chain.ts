/**
 * Chains from a server's certificate to a trust anchor that DNS names (usage DANE-TA(2), RFC 7671 §5.2), of what the server sent
 * and of certificates and keys that stand in the DNS in full. Validated as RFC 5280 §6.1 has it: signatures, validity, who may
 * issue, path lengths, name constraints, critical extensions; and names as RFC 7672 §3.2.2. Pure.
 */
import type { X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '../../route/dns-answer.ts';
import { TlsFailure } from '../tls-failure.ts';
import {
  alternativeNames,
  DNS_NAME,
  type Extension,
  extensionsOf,
  type NameConstraints,
  nameConstraints,
  OID,
  pathLength,
} from './extensions.ts';
import { isFor, presentedNames } from './names.ts';
import { CERT, certificateIn, FULL, keyIn, matches, SPKI } from './records.ts';

/** Looks at whether one certificate has signed another, for one peer: certificates that all issue each other would take for ever. */
const SIGNATURES = 100;

/**
 * True where a valid chain leads to one of the anchors. Throws what is wrong with the first chain that leads to one, where none
 * is valid; false where none does.
 *
 * @param sent the server's own first
 * @param anchors usable records of usage DANE-TA(2)
 * @param references names, for one of which the server's own has to be
 */
export function hasValidChain(
  sent: readonly X509Certificate[],
  anchors: readonly TlsaRecord[],
  references: readonly string[],
  now: number,
): boolean {
  let first: TlsFailure | undefined;
  for (const path of anchoredPaths(sent, anchors)) {
    const fault = faultOf(path, references, now);
    if (fault === undefined) return true;
    first ??= fault;
  }
  if (first !== undefined) throw first;
  return false;
}

/** From the server's certificate up. The anchor itself is the last, unless only its key is known. */
function* anchoredPaths(
  sent: readonly X509Certificate[],
  anchors: readonly TlsaRecord[],
): Generator<readonly X509Certificate[]> {
  const full = anchors.filter(({ matchingType }) => matchingType === FULL);
  const inDns = full.filter(({ selector }) => selector === CERT).map(({ data }) => certificateIn(data));
  const keys = full.filter(({ selector }) => selector === SPKI).map(({ data }) => keyIn(data));
  const issuers = [...sent.slice(1), ...inDns];
  let left = SIGNATURES;
  const hasSigned = (key: X509Certificate['publicKey'], certificate: X509Certificate): boolean => {
    left -= 1;
    return left >= 0 && verifies(certificate, key);
  };
  function* above(path: readonly X509Certificate[]): Generator<readonly X509Certificate[]> {
    const top = path.at(-1)!;
    for (const issuer of issuers) {
      if (path.some(isSame(issuer)) || !top.checkIssued(issuer) || !hasSigned(issuer.publicKey, top))
        continue;
      const longer = [...path, issuer];
      if (anchors.some((anchor) => matches(anchor, issuer))) yield longer;
      else yield* above(longer);
    }
    // RFC 7671 §5.2.3: a bare key has no name that could be compared.
    if (keys.some((key) => hasSigned(key, top))) yield path;
  }
  yield* above(sent.slice(0, 1));
}

/** What is sent twice, or is in the DNS too, is one certificate: no end entity is its own authority. */
const isSame =
  ({ fingerprint256 }: X509Certificate) =>
  (other: X509Certificate): boolean =>
    other.fingerprint256 === fingerprint256;

function verifies(certificate: X509Certificate, key: X509Certificate['publicKey']): boolean {
  try {
    return certificate.verify(key);
  } catch {
    // A key of another kind than the signature.
    return false;
  }
}

type Extensions = ReadonlyMap<string, Extension>;

const untrusted = (why: string): TlsFailure => new TlsFailure('certificate-not-trusted', why);

function faultOf(
  path: readonly X509Certificate[],
  references: readonly string[],
  now: number,
): TlsFailure | undefined {
  try {
    const extensions = path.map(({ raw }) => extensionsOf(raw));
    const faults = path.map((_, at) => faultAt(at, path, extensions, now));
    return faults.find((fault) => fault !== undefined) ?? nameFault(path[0]!, extensions[0]!, references);
  } catch (error) {
    return untrusted(`an extension of a certificate can't be read: ${(error as Error).message}`);
  }
}

/** RFC 7672 §3.2.2. */
function nameFault(
  certificate: X509Certificate,
  extensions: Extensions,
  references: readonly string[],
): TlsFailure | undefined {
  const presented = presentedNames(certificate, extensions);
  if (isFor(presented, references)) return undefined;
  const names = presented.join(', ') || 'no host';
  const why = `the certificate is for ${names}, not for ${references.join(' or ')}`;
  return new TlsFailure('certificate-host-mismatch', why);
}

function faultAt(
  at: number,
  path: readonly X509Certificate[],
  extensions: readonly Extensions[],
  now: number,
): TlsFailure | undefined {
  const certificate = path[at]!;
  const own = extensions[at]!;
  const name = nameOf(certificate);
  if (now > certificate.validToDate.getTime() || now < certificate.validFromDate.getTime()) {
    const { validFrom, validTo } = certificate;
    return new TlsFailure('certificate-expired', `${name} is valid from ${validFrom} to ${validTo}`);
  }
  const unknown = [...own].find(([oid, { critical }]) => critical && !UNDERSTOOD.has(oid));
  if (unknown !== undefined) return untrusted(`${name} has a critical extension that is not known`);
  if (at === 0) {
    const { keyUsage } = certificate as { keyUsage: readonly string[] | undefined };
    const isServers = keyUsage === undefined || keyUsage.some((usage) => SERVER_USAGES.has(usage));
    return isServers ? undefined : untrusted(`${name} is not for servers`);
  }
  if (!certificate.ca) return untrusted(`${name} is no authority`);
  const below = path.slice(1, at).filter((each) => each.subject !== each.issuer).length;
  if (below > (pathLength(own) ?? below)) return untrusted(`${name} allows no authority so far below it`);
  const constraints = nameConstraints(own);
  return constraints !== undefined && !isWithin(constraints, path[0]!, extensions[0]!)
    ? untrusted(`${name} may not issue for the names of ${nameOf(path[0]!)}`)
    : undefined;
}

const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(OID));

/** id-kp-serverAuth and anyExtendedKeyUsage (RFC 5280 §4.2.1.12). */
const SERVER_USAGES: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']);

/**
 * RFC 5280 §4.2.1.10, for DNS names: those are all that is compared. A constraint on names of another form is not met where the
 * certificate has such names, nor is one on subjects.
 */
function isWithin(
  { permitted, excluded }: NameConstraints,
  certificate: X509Certificate,
  extensions: Extensions,
): boolean {
  const forms = new Set(alternativeNames(extensions).map(({ tag }) => tag));
  const others = [...permitted, ...excluded].filter(({ tag }) => tag !== DNS_NAME);
  if (others.some(({ tag }) => tag === DIRECTORY_NAME || forms.has(tag))) return false;
  const bases = (subtrees: NameConstraints['permitted']): string[] =>
    subtrees
      .filter(({ tag }) => tag === DNS_NAME)
      .map(({ content }) => content.toString('latin1').toLowerCase().replace(/^\./, ''));
  const [within, without] = [bases(permitted), bases(excluded)];
  return presentedNames(certificate, extensions).every(
    (name) =>
      (within.length === 0 || within.some((base) => isBelow(name, base))) &&
      !without.some((base) => isBelow(name, base)),
  );
}

const DIRECTORY_NAME = 0xa4;

const isBelow = (name: string, base: string): boolean =>
  base === '' || name === base || name.endsWith(`.${base}`);

const nameOf = ({ subject }: X509Certificate): string => (subject || 'a certificate').replaceAll('\n', ', ');
