import { describe, expect, it } from 'vitest';
import { SmtpError } from '../errors.ts';
import { startSasl } from './sasl.ts';

const b64 = (text: string) => Buffer.from(text).toString('base64');

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SmtpError) return `${error.code} ${error.enhanced}`;
  }
  return 'none';
}

describe('startSasl', () => {
  it('PLAIN: takes an initial response, or asks with an empty challenge', () => {
    const response = b64('\0anna\0sécret');
    const credentials = { username: 'anna', password: 'sécret' };
    expect(startSasl('PLAIN', response).step).toEqual(credentials);
    const { step, exchange } = startSasl('PLAIN', undefined);
    expect(step).toEqual({ challenge: '' });
    expect(exchange(response)).toEqual(credentials);
  });

  it('PLAIN: an authorization identity has to be the same', () => {
    expect(startSasl('PLAIN', b64('anna\0anna\0x')).step).toMatchObject({ username: 'anna' });
    expect(refusalOf(() => startSasl('PLAIN', b64('root\0anna\0x')))).toBe('535 5.7.8');
  });

  it('LOGIN: asks for both, or takes the name at once', () => {
    const { step, exchange } = startSasl('LOGIN', undefined);
    expect(step).toEqual({ challenge: b64('Username:') });
    expect(exchange(b64('anna'))).toEqual({ challenge: b64('Password:') });
    expect(exchange(b64('secret'))).toEqual({ username: 'anna', password: 'secret' });
    const second = startSasl('LOGIN', b64('anna'));
    expect(second.step).toEqual({ challenge: b64('Password:') });
    expect(second.exchange(b64('x'))).toEqual({ username: 'anna', password: 'x' });
  });

  it.each([
    ['a cancelled exchange', '*', '501 5.7.0'],
    ['what is no base64', 'a-b_', '501 5.5.2'],
    ['base64 without its padding', 'YQ', '501 5.5.2'],
    ['too few parts', b64('anna\0x'), '501 5.5.2'],
    ['too many parts', b64('\0a\0b\0c'), '501 5.5.2'],
    ['no password', b64('\0anna\0'), '501 5.5.2'],
    ['an empty response', '', '501 5.5.2'],
  ])('refuses %s', (_, response, refused) => {
    expect(refusalOf(() => startSasl('PLAIN', undefined).exchange(response))).toBe(refused);
  });

  it('refuses an unknown mechanism', () => {
    for (const name of ['CRAM-MD5', 'TOSTRING', 'toString', '']) {
      expect(refusalOf(() => startSasl(name, undefined))).toBe('504 5.5.4');
    }
  });
});
