import { describe, expect, it } from 'vitest';
import { SmtpError, smtpError } from '../errors.ts';
import { multiline, refusal, reply } from './reply.ts';

describe('replies', () => {
  it('are one line of printable ASCII, however their text was made', () => {
    const error = new SmtpError(550, '5.1.1', `no\r\n250 2.0.0 smuggled\x00é${'x'.repeat(600)}`);
    const text = refusal(error, 'mx.example.test');
    expect(text).toMatch(/^550 5\.1\.1 [\x20-\x7e]*\r\n$/);
    expect(text.length).toBeLessThanOrEqual(512);
  });

  it('name the host in 421', () => {
    expect(refusal(smtpError('serviceShutdown'), 'mx.example.test')).toMatch(
      /^421 4\.3\.2 mx\.example\.test /,
    );
  });

  it('have no enhanced code where RFC 2034 §4 has none', () => {
    expect(reply(354, undefined, 'Go')).toBe('354 Go\r\n');
    expect(multiline(250, ['a', 'b', 'c'])).toBe('250-a\r\n250-b\r\n250 c\r\n');
  });
});
