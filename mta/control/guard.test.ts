import { describe, expect, it } from 'vitest';
import { isAuthorized, isOurHost } from './guard.ts';

describe('isAuthorized', () => {
  it.each([
    ['Bearer s3cret', 's3cret', true],
    ['bearer s3cret ', 's3cret', true],
    ['Bearer s3cre', 's3cret', false],
    ['Bearer s3cret2', 's3cret', false],
    ['Basic s3cret', 's3cret', false],
    ['s3cret', 's3cret', false],
    [undefined, 's3cret', false],
    ['Bearer ', '', false],
    [undefined, '', false],
  ])('%j for the token %j: %s', (header, token, allowed) => {
    expect(isAuthorized(header, token)).toBe(allowed);
  });
});

describe('isOurHost', () => {
  it.each([
    ['127.0.0.1:2580', '127.0.0.1', 2580, true],
    ['LOCALHOST:2580', '127.0.0.1', 2580, true],
    ['[::1]:2580', '::1', 2580, true],
    ['10.0.0.7:2580', '10.0.0.7', 2580, true],
    ['[fd00::7]:2580', 'fd00::7', 2580, true],
    ['localhost', '127.0.0.1', 80, true],
    ['localhost', '127.0.0.1', 2580, false],
    ['localhost:2581', '127.0.0.1', 2580, false],
    ['10.0.0.7:2580', '127.0.0.1', 2580, false],
    ['evil.example:2580', '127.0.0.1', 2580, false],
    ['localhost.evil.example:2580', '127.0.0.1', 2580, false],
    ['localhost:2580@evil.example', '127.0.0.1', 2580, false],
    [undefined, '127.0.0.1', 2580, false],
  ])('%j on %s:%i: %s', (host, address, port, ours) => {
    expect(isOurHost(host, address, port)).toBe(ours);
  });
});
