import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bySpecificity } from './relays.ts';

const patterns = fc.subarray(['*', '*.example', '*.a.example', 'a.example', 'b.a.example']);
const match = fc.record({
  recipientDomains: patterns,
  senderDomains: patterns,
  users: fc.subarray(['a', 'b']),
});

it('the order of relays is one in which no two can stand both ways', () => {
  fc.assert(
    fc.property(match, match, match, (one, two, three) => {
      expect(Math.sign(bySpecificity(one, two)) + Math.sign(bySpecificity(two, one))).toBe(0);
      fc.pre(bySpecificity(one, two) <= 0 && bySpecificity(two, three) <= 0);
      expect(bySpecificity(one, three)).toBeLessThanOrEqual(0);
    }),
  );
});
