import { describe, expect, it } from 'vitest';
import { behaviourOf, codedReply } from './codes.ts';

describe('failure-coded recipients', () => {
  it.each([
    ['anna', { kind: 'accept' }],
    ['4500', { kind: 'accept' }],
    ['250', { kind: 'accept' }],
    ['499', { kind: 'accept' }],
    ['450-0', { kind: 'accept' }],
    ['"450"', { kind: 'accept' }],
    ['450', { kind: 'refuse', code: 450, at: 'rcpt' }],
    ['450-2', { kind: 'refuse', code: 450, at: 'rcpt', times: 2 }],
    ['data-550', { kind: 'refuse', code: 550, at: 'data' }],
    ['DATA-451-1', { kind: 'refuse', code: 451, at: 'data', times: 1 }],
    ['Timeout', { kind: 'silence' }],
    ['slow', { kind: 'slow' }],
  ])('%s', (localPart, behaviour) => {
    expect(behaviourOf(localPart)).toEqual(behaviour);
  });

  it('answers with the enhanced code of the same class', () => {
    expect(codedReply(450)).toMatch(/^450 4\.2\.0 /);
    expect(codedReply(555)).toMatch(/^555 5\.0\.0 /);
  });
});
