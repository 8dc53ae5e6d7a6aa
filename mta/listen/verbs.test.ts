import { describe, expect, it } from 'vitest';
import { checkVerb, unknownVerb } from './verbs.ts';

describe('checkVerb', () => {
  it('takes no mail for ODMR', () => {
    expect(() => checkVerb('MAIL', 'odmr')).toThrow(expect.objectContaining({ code: 502 }));
    expect(() => checkVerb('ATRN', 'odmr')).not.toThrow();
  });

  it.each(['EHLO', 'HELO', 'ETRN'])('knows no %s by LMTP', (verb) => {
    expect(() => checkVerb(verb, 'lmtp')).toThrow(expect.objectContaining({ code: 500 }));
  });

  it.each(['smtp', 'submission', 'odmr'] as const)('knows LHLO by LMTP, and not as %s', (role) => {
    expect(() => checkVerb('LHLO', 'lmtp')).not.toThrow();
    expect(() => checkVerb('LHLO', role)).toThrow(expect.objectContaining({ code: 500 }));
  });
});

it('who speaks HTTP is sent away', () => {
  expect(unknownVerb('GET')).toMatchObject({ code: 500, closes: true });
  expect(unknownVerb('GEL')).toMatchObject({ code: 500, closes: false });
});
