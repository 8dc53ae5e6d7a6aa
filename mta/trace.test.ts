import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from './envelope.ts';
import { addressLiteral, headerText, messageDate, receivedField, scanHeader } from './trace.ts';

const arrivedAt = Date.UTC(2026, 10, 22, 14, 39, 8, 512);

const envelope: Envelope = {
  from: 'anna@example.org',
  recipients: [{ address: 'ben@example.test' }],
  arrivedAt,
  origin: {
    listener: 'submission',
    clientAddress: '192.0.2.7',
    helo: 'laptop.example.org',
    protocol: 'ESMTPSA',
    tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
  },
};

describe('messageDate', () => {
  it('is RFC 5322 with the zone of UTC', () => {
    expect(messageDate(arrivedAt)).toBe('Sun, 22 Nov 2026 14:39:08 +0000');
    expect(messageDate(arrivedAt + 1000)).toBe('Sun, 22 Nov 2026 14:39:09 +0000');
  });
});

describe('addressLiteral', () => {
  it.each([
    ['192.0.2.1', '[192.0.2.1]'],
    ['2001:db8::1', '[IPv6:2001:db8::1]'],
    ['::ffff:192.0.2.1', '[192.0.2.1]'],
  ])('%s', (address, literal) => {
    expect(addressLiteral(address)).toBe(literal);
  });
});

describe('receivedField', () => {
  it('says from, by, with, id, for and when', () => {
    expect(receivedField('a1b2-7', envelope, 'mx.example.test').toString()).toBe(
      'Received: from laptop.example.org ([192.0.2.7])\r\n' +
        '\tby mx.example.test with ESMTPSA id a1b2-7\r\n' +
        '\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n' +
        '\tfor <ben@example.test>;\r\n' +
        '\tSun, 22 Nov 2026 14:39:08 +0000\r\n',
    );
  });

  it('has the name of a client that a peer has told, beside its address and never without', () => {
    const named = { ...envelope.origin, clientName: 'spike (x).test' };
    const text = (origin: Envelope['origin']) =>
      receivedField('a1b2-7', { ...envelope, origin }, 'mx.example.test')
        .toString()
        .split('\r\n')[0];
    expect(text(named)).toBe('Received: from laptop.example.org (spike??x?.test [192.0.2.7])');
    const { clientAddress: _, ...unknown } = named;
    expect(text(unknown)).toBe('Received: from laptop.example.org');
  });

  it('names no recipient where there are several', () => {
    const two = {
      ...envelope,
      recipients: [{ address: 'ben@example.test' }, { address: 'eve@example.test' }],
    };
    const text = receivedField('a1b2-7', two, 'mx.example.test').toString();
    expect(text).not.toContain('for <');
    expect(text).not.toContain('eve');
  });

  it('keeps an address literal as HELO', () => {
    const literal = { ...envelope, origin: { ...envelope.origin, helo: '[IPv6:::1]' } };
    expect(receivedField('a-1', literal, 'mx.example.test').toString()).toMatch(
      /^Received: from \[IPv6:::1\] \(/,
    );
  });

  it('is one field whatever the client said', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (helo, local) => {
        const hostile = {
          ...envelope,
          recipients: [{ address: `${local}@example.test` }],
          origin: { ...envelope.origin, helo },
        };
        const bytes = receivedField('a-1', hostile, 'mx.example.test');
        const lines = bytes.toString('latin1').split('\r\n');
        expect(lines.pop()).toBe('');
        expect(lines[0]).toMatch(/^Received: from /);
        for (const line of lines.slice(1)) expect(line).toMatch(/^\t/);
        expect(bytes.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      }),
    );
  });
});

describe('scanHeader', () => {
  const header = Buffer.from(
    'Received: from a\r\n\tby b;\r\n\tReceived: folded, not a field\r\nreceived : obsolete blanks\r\n' +
      'Received-SPF: pass\r\nMESSAGE-ID:\r\n <x@y>\r\nSubject: Received: no\r\nMessage-ID: <second@y>\r\n' +
      '\r\nReceived: in the body\r\n',
  );

  it('counts the fields of the header alone', () => {
    expect(scanHeader(header).hops).toBe(2);
  });

  it('finds the first Message-ID, unfolded, and the end', () => {
    const scan = scanHeader(header);
    expect(scan.messageId).toBe('<x@y>');
    expect(header.subarray(scan.end).toString()).toBe('Received: in the body\r\n');
  });

  it('makes a hostile Message-ID harmless and short', () => {
    const scan = scanHeader(Buffer.from(`Message-ID: <\x07\xff${'x'.repeat(5000)}>\r\n\r\n`, 'latin1'));
    expect(scan.messageId).toMatch(/^<\?\?x+$/);
    expect(scan.messageId).toHaveLength(256);
  });

  it('knows an unfinished header, an empty one, and one that never was', () => {
    expect(scanHeader(Buffer.from('Subject: x\r\n')).end).toBe(-1);
    expect(scanHeader(Buffer.from('\r\nbody')).end).toBe(2);
    expect(scanHeader(Buffer.alloc(0))).toEqual({
      ...{ hops: 0, messageId: undefined, tlsOptional: false, end: -1 },
    });
  });

  it.each([
    ['TLS-Required: No', true],
    ['tls-required:\r\n NO ', true],
    ['TLS-Required: yes', false],
    ['TLS-Required: no, yes', false],
    ['X-TLS-Required: No', false],
    ['Subject: TLS-Required: No', false],
    ['Subject: x\r\n\r\nTLS-Required: No', false],
  ])('reads %j as may go without TLS: %s', (text, may) => {
    expect(scanHeader(Buffer.from(`${text}\r\n\r\nbody\r\n`)).tlsOptional).toBe(may);
  });
});

describe('headerText', () => {
  it('leaves one bounded line of printable ASCII', () => {
    expect(headerText('a\r\nBcc: x\u00e9')).toBe('a??Bcc: x?');
    expect(headerText('x'.repeat(9), 3)).toBe('xxx');
  });
});
