import { describe, expect, it } from 'vitest';
import { hashPassword, parsePhc, verifyPassword } from './phc.ts';

const salt = Buffer.alloc(16, 7);

describe('scrypt verifiers', () => {
  it('tell the right password from others', async () => {
    const phc = await hashPassword('sécret', salt);
    expect(phc).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$BwcHBwcHBwcHBwcHBwcHBw\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword('sécret', parsePhc(phc))).toBe(true);
    expect(await verifyPassword('secret', parsePhc(phc))).toBe(false);
  });

  it("agree with RFC 7914 §12's vector for N=1024, r=8, p=16", async () => {
    const hash = Buffer.from(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
        '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
      'hex',
    );
    const phc = { logN: 10, r: 8, p: 16, salt: Buffer.from('NaCl'), hash };
    expect(await verifyPassword('password', phc)).toBe(true);
  });

  it.each([
    'secret',
    '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo',
    '$scrypt$ln=15,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw',
    '$scrypt$ln=0,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$BwcHBwcHBwcHBwcHBwcHBw',
    '$scrypt$ln=25,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$BwcHBwcHBwcHBwcHBwcHBw',
  ])('refuses %s', (text) => {
    expect(() => parsePhc(text)).toThrow(expect.objectContaining({ code: 'ConfigInvalid' }));
  });
});
