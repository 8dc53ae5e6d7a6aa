import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../random.ts';
import { redactionKey, redactor, redactText } from './redact.ts';

describe('redactor', () => {
  const redact = redactor(Buffer.from('a key'));

  it('hides the local part and keeps the domain', () => {
    expect(redact('anna@Example.test')).toMatch(/^~[\w-]{16}@Example\.test$/);
    expect(redact('postmaster')).toMatch(/^~[\w-]{16}$/);
    expect(redact('')).toBe('');
  });

  it('gives the same hash for the same address only', () => {
    const local = (address: string) => redact(address).split('@')[0];
    expect(local('Anna@EXAMPLE.test')).toBe(local('anna@example.test'));
    expect(local('anna@example.org')).not.toBe(local('anna@example.test'));
    expect(redactor(Buffer.from('another key'))('anna@example.test')).not.toBe(redact('anna@example.test'));
  });

  it('leaves addresses alone without a key', () => {
    expect(redactor(undefined)('anna@example.test')).toBe('anna@example.test');
  });
});

describe('redactText', () => {
  it('hides the addresses that a reply quotes', () => {
    const text = redactText('550 5.1.1 <anna@example.test>: no such user', redactor(Buffer.from('k')));
    expect(text).toMatch(/^550 5\.1\.1 <~[\w-]{16}@example\.test>: no such user$/);
  });
});

describe('redactionKey', () => {
  it('is made once, and is the same for all who ask', async () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'postrider-key-')), 'new');
    try {
      const keys = await Promise.all(Array.from({ length: 8 }, () => redactionKey(folder, systemRandom)));
      keys.push(await redactionKey(folder, systemRandom));
      expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
      expect(keys[0]).toHaveLength(32);
      expect(readdirSync(folder)).toEqual(['redaction.key']);
      expect(statSync(join(folder, 'redaction.key')).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(join(folder, '..'), { recursive: true });
    }
  });
});
