import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import { parsePhc, verifyPassword } from '../../mta/policy/phc.ts';
import { systemRandom } from '../../mta/random.ts';
import { verifiers } from '../../operator/compile/verifier.ts';
import { VALID_MS } from './certificate.ts';
import { localCertificate, makeFolder, makeSecret, secretFile, stateFault } from './state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a state folder that can’t be used', () => {
  it('is told as such, with what to do', () => {
    const fault = (() => {
      try {
        return readFileSync(join(folder, 'none', 'up.lock'));
      } catch (error) {
        return stateFault(error, folder);
      }
    })();
    expect(fault).toMatchObject({
      code: 'StateInvalid',
      message: expect.stringContaining('up.lock'),
      hint: expect.stringContaining('--state'),
    });
  });

  it('is given up at once where there can be no folders', () => {
    for (const place of ['/proc/none', join(folder, 'file')]) {
      writeFileSync(join(folder, 'file'), '');
      expect(() => makeFolder(place)).toThrow(
        expect.objectContaining({ code: 'StateInvalid', hint: expect.stringContaining('--state') }),
      );
    }
  });

  it('is made with those above it, for its owner alone', () => {
    makeFolder(join(folder, 'a', 'b'));
    makeFolder(join(folder, 'a', 'b'));
    for (const made of ['a', 'a/b', 'a/b/tls']) expect(statSync(join(folder, made)).mode & 0o777).toBe(0o700);
  });

  it('is nobody else’s fault', () => {
    const other = new TypeError('ours');
    expect(stateFault(other, folder)).toBe(other);
  });
});

describe('a secret of the state folder', () => {
  const make = () => makeSecret(systemRandom);

  it('never reads as an option when it stands in a command line', () => {
    const dash = { ...systemRandom, bytes: (length: number) => Buffer.alloc(length, 0xfb) };
    expect(dash.bytes(3).toString('base64url')).toMatch(/^-/);
    expect(makeSecret(dash)).not.toMatch(/^-/);
  });

  it('is made once, for its owner alone', () => {
    const path = join(folder, 'demo-password');
    const first = secretFile(path, 'password', make);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(secretFile(path, 'password', make)).toBe(first);
    expect(readFileSync(path, 'utf8')).toBe(`${first}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['one\ntwo\n', 'has more than one line'],
    ['a\0b', 'has control characters'],
  ])('is refused as %j', (text, fault) => {
    const path = join(folder, 'demo-password');
    writeFileSync(path, text);
    expect(() => secretFile(path, 'password of demo', make)).toThrow(
      `The password of demo in ${path} ${fault}`,
    );
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is refused where it cannot be read, and where it is missing and nobody makes it', () => {
    expect(() => secretFile(folder, 'token', make)).toThrow(`Can't read the token in ${folder}: EISDIR`);
    expect(() => secretFile(join(folder, 'x'), 'token')).toThrow('ENOENT');
  });
});

describe('the state folder', () => {
  it('is refused where it cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeFolder(join(folder, 'file', 'state'))).toThrow(/Can't make the state folder .*ENOTDIR/);
  });

  it('keeps its certificate until it is about to expire, or is for another name', () => {
    const files = makeFolder(folder);
    const at = (now: number) => ({ ...systemClock, now: () => now });
    const start = Date.now();
    const certificateOn = (now: number, name: string) =>
      localCertificate(files, name, at(now), systemRandom).certificate;
    const first = certificateOn(start, 'mx.example.test');
    expect(certificateOn(start + 1000, 'mx.example.test')).toBe(first);
    expect(certificateOn(start, 'mx2.example.test')).not.toBe(first);
    const second = certificateOn(start, 'mx2.example.test');
    expect(certificateOn(start + VALID_MS - 86_400_000, 'mx2.example.test')).not.toBe(second);
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
  });

  it('says which certificate cannot be used', () => {
    const files = makeFolder(folder);
    localCertificate(files, 'mx.example.test', systemClock, systemRandom);
    writeFileSync(files.certificate, 'nonsense');
    chmodSync(files.certificate, 0o600);
    expect(() => localCertificate(files, 'mx.example.test', systemClock, systemRandom)).toThrow(
      `Can't use the certificate in ${files.certificate}`,
    );
  });
});

describe('verifiers', () => {
  it('are the same for the same input, have a salt for each user, and verify', async () => {
    const one = verifiers('salt')({ username: 'demo@example.test', password: 'secret' });
    expect(verifiers('salt')({ username: 'demo@example.test', password: 'secret' })).toBe(one);
    expect(verifiers('salt')({ username: 'other@example.test', password: 'secret' }).split('$')[3]).not.toBe(
      one.split('$')[3],
    );
    expect(verifiers('other')({ username: 'demo@example.test', password: 'secret' })).not.toBe(one);
    expect(await verifyPassword('secret', parsePhc(one))).toBe(true);
    expect(await verifyPassword('Secret', parsePhc(one))).toBe(false);
  });
});
