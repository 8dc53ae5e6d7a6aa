import { describe, expect, it } from 'vitest';
import { parseXclient, parseXforward } from './attributes.ts';

describe('XCLIENT', () => {
  it.each([
    ['NAME=spike.test ADDR=192.0.2.7 PORT=1234', { name: 'spike.test', address: '192.0.2.7', port: 1234 }],
    ['addr=ipv6:2001:DB8:0::1 Proto=esmtp', { address: '2001:db8::1', extended: true }],
    ['ADDR=IPV6:::ffff:192.0.2.7 PROTO=SMTP', { address: '192.0.2.7', extended: false }],
    ['HELO=[192.0.2.7] LOGIN=j+C3+B6rg@x.test', { helo: '[192.0.2.7]', user: 'jörg@x.test' }],
    [
      'NAME=[TEMPUNAVAIL] ADDR=[unavailable] PORT=[UNAVAILABLE] LOGIN=+5BUNAVAILABLE+5D HELO=[UNAVAILABLE]',
      { name: undefined, address: undefined, port: undefined, user: undefined, helo: undefined },
    ],
  ])('%s', (args, told) => {
    expect(parseXclient(args)).toStrictEqual(told);
  });

  it.each([
    ...['', ' ', 'NAME', 'NAME=', '=x', 'NAME=a  ADDR=192.0.2.1', 'NAME=a+', 'NAME=a NAME=b', 'NAME=a+20b'],
    ...['NAME=a+28b+29', `NAME=${'a'.repeat(256)}`, 'NAME=+C3+B6', 'HELO=a+00', 'LOGIN=a+0D+0A', 'LOGIN=+FF'],
    ...['ADDR=x', 'ADDR=2001:db8::1', 'ADDR=IPV6:192.0.2.1', 'ADDR=IPV6:fe80::1%eth0', 'ADDR=192.0.2.256'],
    ...['PORT=65536', 'PORT=-1', 'PORT=x', 'PROTO=LMTP', 'PROTO=[UNAVAILABLE]'],
    ...['IDENT=x', 'SOURCE=LOCAL', 'DESTADDR=192.0.2.1', 'DESTPORT=25'],
  ])('refuses %j', (args) => {
    expect(() => parseXclient(args)).toThrow(expect.objectContaining({ code: 501, enhanced: '5.5.4' }));
  });
});

describe('XFORWARD', () => {
  it.each([
    [
      'NAME=spike.test ADDR=192.0.2.7 PORT=25 PROTO=ESMTP HELO=spike IDENT=3CF6B2AAE8 SOURCE=REMOTE',
      {
        ...{ name: 'spike.test', address: '192.0.2.7', port: 25, protocol: 'ESMTP' },
        ...{ helo: 'spike', id: '3CF6B2AAE8', source: 'REMOTE' },
      },
    ],
    ['SOURCE=local PROTO=[UNAVAILABLE]', { source: 'LOCAL', protocol: undefined }],
  ])('%s', (args, told) => {
    expect(parseXforward(args)).toStrictEqual(told);
  });

  it.each(['LOGIN=x', 'SOURCE=x', `PROTO=${'p'.repeat(65)}`, 'IDENT=a+3Bb'])('refuses %j', (args) => {
    expect(() => parseXforward(args)).toThrow(expect.objectContaining({ code: 501, enhanced: '5.5.4' }));
  });
});
