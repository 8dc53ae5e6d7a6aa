import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Reception } from './reception.ts';

const message = [
  'Received: from a by b; Sun, 22 Nov 2026 14:00:00 +0000',
  'received: from c by d',
  '\tfor <anna@example.test>; Sun, 22 Nov 2026 14:00:00 +0000',
  'Message-ID: <one@example.test>',
  '',
  'Received: this is text',
  '',
].join('\r\n');

it('learns the same from any division of the content into chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(message.length), { maxLength: 10 }), (cuts) => {
      const reception = new Reception();
      const bytes = Buffer.from(message);
      const ends = [...cuts, message.length].toSorted((a, b) => a - b);
      let start = 0;
      for (const end of ends) {
        if (end > start) reception.see(bytes.subarray(start, end));
        start = end;
      }
      expect(reception).toMatchObject({ hops: 2, messageId: '<one@example.test>', eightBit: false });
    }),
  );
});

it('notices octets above 127 wherever they are', () => {
  const reception = new Reception();
  reception.see(Buffer.from('Subject: a\r\n\r\n'));
  reception.see(Buffer.from('grüße\r\n'));
  expect(reception.eightBit).toBe(true);
});

it('stops looking at a header that does not end', () => {
  const reception = new Reception();
  const line = Buffer.from(`Received: x\r\n${'X-Long: y\r\n'.repeat(6000)}`);
  for (let n = 0; n < 50; n += 1) reception.see(line);
  expect(reception.hops).toBeGreaterThan(3);
  expect(reception.hops).toBeLessThan(10);
});
