import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ContentScan } from './content-scan.ts';

const message = [
  'Received: from a by b; Sun, 22 Nov 2026 14:00:00 +0000',
  'received: from c by d',
  '\tfor <anna@example.test>; Sun, 22 Nov 2026 14:00:00 +0000',
  'Message-ID: <one@example.test>',
  'TLS-Required: No',
  '',
  'Received: this is text',
  '',
].join('\r\n');

it('learns the same from any division of the content into chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(message.length), { maxLength: 10 }), (cuts) => {
      const scan = new ContentScan();
      const bytes = Buffer.from(message);
      const ends = [...cuts, message.length].toSorted((a, b) => a - b);
      let start = 0;
      for (const end of ends) {
        if (end > start) scan.see(bytes.subarray(start, end));
        start = end;
      }
      expect(scan.finish()).toEqual({
        ...{ hops: 2, messageId: '<one@example.test>', tlsOptional: true, eightBit: false },
      });
    }),
  );
});

it('notices octets above 127 wherever they are', () => {
  const scan = new ContentScan();
  scan.see(Buffer.from('Subject: a\r\n\r\n'));
  scan.see(Buffer.from('grüße\r\n'));
  expect(scan.finish().eightBit).toBe(true);
});

it('stops looking at a header that does not end', () => {
  const scan = new ContentScan();
  const line = Buffer.from(`Received: x\r\n${'X-Long: y\r\n'.repeat(6000)}`);
  for (let n = 0; n < 50; n += 1) scan.see(line);
  expect(scan.finish().hops).toBeGreaterThan(3);
  expect(scan.finish().hops).toBeLessThan(20);
});
