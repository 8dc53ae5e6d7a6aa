import { describe, expect, it } from 'vitest';
import { checkVerb, unknownVerb } from './verbs.ts';

describe('checkVerb', () => {
  it.each(['HELO', 'EHLO', 'NOOP', 'RSET', 'HELP', 'STARTTLS', 'QUIT', 'BDAT'])(
    'lets %s by before TLS',
    (verb) => {
      expect(() => checkVerb(verb, 'smtp', true)).not.toThrow();
    },
  );

  it.each(['MAIL', 'RCPT', 'DATA', 'AUTH', 'ETRN', 'XCLIENT', 'VRFY'])('has %s wait for TLS', (verb) => {
    expect(() => checkVerb(verb, 'smtp', true)).toThrow(expect.objectContaining({ code: 530 }));
    expect(() => checkVerb(verb, 'smtp', false)).not.toThrow();
  });

  it('takes no mail for ODMR', () => {
    expect(() => checkVerb('MAIL', 'odmr', false)).toThrow(expect.objectContaining({ code: 502 }));
    expect(() => checkVerb('ATRN', 'odmr', false)).not.toThrow();
  });

  it.each(['EHLO', 'HELO', 'ETRN'])('knows no %s by LMTP', (verb) => {
    expect(() => checkVerb(verb, 'lmtp', false)).toThrow(expect.objectContaining({ code: 500 }));
  });

  it.each(['smtp', 'submission', 'odmr'] as const)('knows LHLO by LMTP, and not as %s', (role) => {
    expect(() => checkVerb('LHLO', 'lmtp', true)).not.toThrow();
    expect(() => checkVerb('LHLO', role, false)).toThrow(expect.objectContaining({ code: 500 }));
  });
});

it('who speaks HTTP is sent away', () => {
  expect(unknownVerb('GET')).toMatchObject({ code: 500, closes: true });
  expect(unknownVerb('GEL')).toMatchObject({ code: 500, closes: false });
});
