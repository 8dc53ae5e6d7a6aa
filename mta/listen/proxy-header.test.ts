import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader } from './proxy-header.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Version 2, with these addresses and what follows them. */
function binary(command: number, family: number, rest: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(rest.length);
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, rest]);
}

const INET = Buffer.from([192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 25]);
const INET6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from([0x30, 0x39, 0, 25]),
]);
const FOUR = { address: '192.0.2.7', port: 12_345 };
const SIX = { address: '2001:db8::7', port: 12_345 };

const HEADERS: readonly [string, Buffer, object | undefined][] = [
  ['version 1, IPv4', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n'), FOUR],
  ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 12345 25\r\n'), SIX],
  ['version 1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['version 1, unknown with anything', Buffer.from('PROXY UNKNOWN ffff::1 1 2 3\r\n'), undefined],
  ['version 2, IPv4', binary(0x21, 0x11, INET), FOUR],
  ['version 2, IPv4 with more behind', binary(0x21, 0x11, Buffer.concat([INET, Buffer.alloc(300)])), FOUR],
  ['version 2, IPv6', binary(0x21, 0x21, INET6), SIX],
  ['version 2, of itself', binary(0x20, 0x00, Buffer.alloc(0)), undefined],
  ['version 2, of itself with addresses', binary(0x20, 0x11, INET), undefined],
  ['version 2, a socket of the machine', binary(0x21, 0x31, Buffer.alloc(216)), undefined],
  ['version 2, nothing said', binary(0x21, 0x00, Buffer.alloc(3)), undefined],
];

describe('a PROXY header', () => {
  it.each(HEADERS)('%s', (_, header, client) => {
    expect(parseProxyHeader(header)).toEqual({ client, length: header.length });
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('EHLO x\r\n')]))).toEqual({
      ...{ client, length: header.length },
    });
    for (let cut = 0; cut < header.length; cut += 1) {
      expect(parseProxyHeader(header.subarray(0, cut)), `${cut}`).toBe('incomplete');
    }
  });

  it.each([
    ['none', Buffer.from('EHLO x\r\n')],
    ['none, and short', Buffer.from('E')],
    ['of lower case', Buffer.from('proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n')],
    ['of another family', Buffer.from('PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n')],
    ['with a name', Buffer.from('PROXY TCP4 client.example 198.51.100.1 1 2\r\n')],
    ['with the address of the other family', Buffer.from('PROXY TCP4 ::1 ::2 1 2\r\n')],
    ['with a port that is none', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n')],
    ['with a zero before a port', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n')],
    ['with too little', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n')],
    ['with too much', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n')],
    ['without an end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(107)}`)],
    ['of another version', binary(0x31, 0x11, INET)],
    ['with another command', binary(0x22, 0x11, INET)],
    ['of an unknown kind of address', binary(0x21, 0x41, INET)],
    ['too short for its addresses', binary(0x21, 0x11, INET.subarray(1))],
  ])('%s is refused', (_, bytes) => {
    expect(parseProxyHeader(bytes)).toBe('malformed');
  });

  it('ends for any octets, and takes none that are not there', () => {
    const start = fc.constantFrom(
      Buffer.alloc(0),
      SIGNATURE,
      Buffer.from('PROXY '),
      Buffer.from('PROXY TCP4 '),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (first, rest) => {
        const bytes = Buffer.concat([first, rest]);
        const found = parseProxyHeader(bytes);
        if (typeof found === 'object') expect(found.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
