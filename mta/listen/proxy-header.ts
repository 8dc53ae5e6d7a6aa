/**
 * What a load balancer says of its client before anything else: the PROXY protocol, version 1 (a line of text) and 2 (binary), as
 * HAProxy's proxy-protocol.txt §2.1 and §2.2 have them. Pure.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  /** More has to arrive first. */
  | 'incomplete'
  /** It is none: what is there may be anybody's. */
  | 'malformed'
  | {
      /** Undefined where the load balancer speaks for itself, as it does to find out whether we are well. */
      readonly client: ProxiedClient | undefined;
      /** Octets of the header. */
      readonly length: number;
    };

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const PREFIX = Buffer.from('PROXY ', 'latin1');
/** Of a line, with its CRLF. */
const LONGEST_LINE = 107;
const HEAD = 16;
const PORT = /^(?:0|[1-9]\d{0,4})$/;

/** @param bytes all that has arrived so far */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAs(bytes, SIGNATURE)) return bytes.length < HEAD ? 'incomplete' : binary(bytes);
  if (startsAs(bytes, PREFIX)) return line(bytes);
  return 'malformed';
}

/** As far as it has come. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function line(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, LONGEST_LINE).indexOf('\r\n');
  if (end < 0) return bytes.length < LONGEST_LINE ? 'incomplete' : 'malformed';
  const length = end + 2;
  const [, family, address = '', to = '', port = '', toPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  // What follows it is not looked at.
  if (family === 'UNKNOWN') return { client: undefined, length };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const isPort = (text: string) => PORT.test(text) && Number(text) <= 65_535;
  const isWhole = isAddress(address) && isAddress(to) && isPort(port) && isPort(toPort) && more.length === 0;
  return isWhole ? { client: { address, port: Number(port) }, length } : 'malformed';
}

const [LOCAL, PROXY] = [0x20, 0x21];
const [UNSPECIFIED, INET, INET6, UNIX] = [0, 1, 2, 3];

function binary(bytes: Buffer): ProxyHeader {
  const [command, family] = [bytes[12]!, bytes[13]! >> 4];
  const length = HEAD + bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return 'malformed';
  if (command === PROXY && ![UNSPECIFIED, INET, INET6, UNIX].includes(family)) return 'malformed';
  const addresses = family === INET ? 12 : family === INET6 ? 36 : 0;
  if (command === PROXY && length < HEAD + addresses) return 'malformed';
  if (bytes.length < length) return 'incomplete';
  if (command === LOCAL || addresses === 0) return { client: undefined, length };
  const octets = bytes.subarray(HEAD, HEAD + addresses);
  const client =
    family === INET
      ? { address: octets.subarray(0, 4).join('.'), port: octets.readUInt16BE(8) }
      : { address: ipv6(octets.subarray(0, 16)), port: octets.readUInt16BE(32) };
  return { client, length };
}

/** In the form that RFC 5952 §4 has, as the system gives addresses. */
function ipv6(octets: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
