/**
 * Extensions of a certificate (RFC 5280 §4.2) that Node has no names for: which are there, and what those that bound a chain, or
 * name its end, say. Throws for what is no DER. Pure.
 */

export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Object identifiers, as the contents of their DER in hexadecimal: below 2.5.29. */
export const OID = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  policyMappings: '551d21',
  policyConstraints: '551d24',
  extendedKeyUsage: '551d25',
  inhibitAnyPolicy: '551d36',
} as const;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const EXTENSIONS = 0xa3;
/** GeneralName, permittedSubtrees and excludedSubtrees, GeneralName within a subtree: by context. */
export const DNS_NAME = 0x82;
const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;

/** By object identifier. @param raw DER of the certificate */
export function extensionsOf(raw: Buffer): ReadonlyMap<string, Extension> {
  const [certificate] = elements(raw);
  const [toBeSigned] = elements(certificate!.content);
  const list = elements(toBeSigned!.content).find(({ tag }) => tag === EXTENSIONS);
  if (list === undefined) return new Map();
  return new Map(
    elements(elements(list.content)[0]!.content).map(({ content }) => {
      const [oid, ...rest] = elements(content);
      const critical = rest.some(({ tag, content: flag }) => tag === BOOLEAN && flag[0] !== 0);
      return [oid!.content.toString('hex'), { critical, value: rest.at(-1)!.content }];
    }),
  );
}

/** How many authorities may follow below this one; any number where undefined (RFC 5280 §4.2.1.9). */
export function pathLength(extensions: ReadonlyMap<string, Extension>): number | undefined {
  const extension = extensions.get(OID.basicConstraints);
  if (extension === undefined) return undefined;
  const length = sequence(extension.value).find(({ tag }) => tag === INTEGER);
  return length === undefined ? undefined : Number.parseInt(length.content.toString('hex'), 16);
}

/** Of subjectAltName, by tag. */
export function alternativeNames(extensions: ReadonlyMap<string, Extension>): readonly Element[] {
  const extension = extensions.get(OID.subjectAltName);
  return extension === undefined ? [] : sequence(extension.value);
}

export interface NameConstraints {
  readonly permitted: readonly Element[];
  readonly excluded: readonly Element[];
}

export function nameConstraints(extensions: ReadonlyMap<string, Extension>): NameConstraints | undefined {
  const extension = extensions.get(OID.nameConstraints);
  if (extension === undefined) return undefined;
  const lists = sequence(extension.value);
  const bases = (wanted: number): Element[] =>
    lists
      .filter(({ tag }) => tag === wanted)
      .flatMap(({ content }) => elements(content))
      .map(({ content }) => elements(content)[0]!);
  return { permitted: bases(PERMITTED), excluded: bases(EXCLUDED) };
}

const sequence = (value: Buffer): Element[] => elements(elements(value)[0]!.content);

function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.readUInt8(at);
    const first = bytes.readUInt8(at + 1);
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
    const start = at + 2 + octets;
    if (start + length > bytes.length) throw new RangeError('an element ends beyond what it is in');
    found.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
