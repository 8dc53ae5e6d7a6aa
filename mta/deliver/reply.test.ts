import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SmtpError } from '../errors.ts';
import { ReplyReader, sanitize } from './reply.ts';

const read = (text: string) => [...new ReplyReader().push(Buffer.from(text))];

describe('a reply', () => {
  it.each([
    ['250 Ok\r\n', 250, '2.0.0', 'Ok'],
    ['250 2.1.5 Ok\r\n', 250, '2.1.5', 'Ok'],
    ['250\r\n', 250, '2.0.0', ''],
    ['250 \n', 250, '2.0.0', ''],
    ['550 5.1.1\r\n', 550, '5.1.1', ''],
    // A class that contradicts the code is not believed.
    ['550 4.2.1 Hm\r\n', 550, '5.0.0', '4.2.1 Hm'],
    ['550-5.7.1 One\r\n550-5.7.1\r\n550 5.7.1 two\r\n', 550, '5.7.1', 'One two'],
    ['250-One\r\n250 two\r\n', 250, '2.0.0', 'One two'],
    ['550 5.1.1 caf\u00e9 \u0007\u001b[31m\u202e\r\n', 550, '5.1.1', 'caf\u00e9 ??[31m?'],
  ])('%j', (bytes, code, enhanced, text) => {
    expect(read(bytes)).toMatchObject([{ code, enhanced, text }]);
  });

  it('is the same however it is cut', () => {
    const text = '220 a\r\n250-5.7.1 b\r\n250 c\r\n550 5.1.1 é\r\n';
    const whole = read(text);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const bytes = Buffer.from(text);
        const reader = new ReplyReader();
        const ends = [...new Set(cuts), bytes.length].sort((one, other) => one - other);
        let from = 0;
        const replies = ends.flatMap((end) => {
          const part = [...reader.push(bytes.subarray(from, end))];
          from = end;
          return part;
        });
        expect(replies).toEqual(whole);
        expect(reader.pending).toBe(false);
      }),
    );
  });

  it('of any bytes is replies or an SmtpError, and its text one printable line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          for (const { text } of new ReplyReader().push(Buffer.from(bytes))) {
            expect(sanitize(text)).toBe(text);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SmtpError);
        }
      }),
    );
  });

  it('text is bounded', () => {
    expect(read(`550 ${'x'.repeat(3000)}\r\n`)[0]!.text).toHaveLength(1000);
  });
});

it('gives what was said before garbage that came along with it', () => {
  const replies = new ReplyReader().push(Buffer.from('250 2.1.5 taken\r\nwhatever\r\n'));
  expect(replies.next().value).toMatchObject({ code: 250, enhanced: '2.1.5', text: 'taken' });
  expect(() => replies.next()).toThrow('invalid reply');
});
