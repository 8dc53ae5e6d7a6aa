/** RFC 6066 §3 server_name: which of several certificates a client is shown. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../mta/config.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Issued, issuer } from '../support/issuer.ts';
import { serve, stopAll, type TestServer } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const authority = issuer('servers');
const first = authority.issue(['mx.example.test']);
const other = authority.issue(['mx.other.test', 'mail.other.test']);
const wildcard = authority.issue(['*.other.test', '*.wild.test']);
const later = authority.issue(['mx.other.test', 'late.test']);

function serveAll(pairs: readonly Issued[], tls: Partial<Listener['tls']> = {}): Promise<TestServer> {
  const id = (index: number) => ({ certificate: `crt${index}`, key: `key${index}` });
  return serve({
    tls: {
      mode: 'starttls',
      ...id(0),
      moreCertificates: pairs.slice(1).map((_, index) => id(index + 1)),
      ...tls,
    },
    secrets: Object.fromEntries(
      pairs.flatMap(({ crt, key }, index) => [
        [`crt${index}`, crt],
        [`key${index}`, key],
      ]),
    ),
  });
}

async function shake(server: TestServer, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const wire = await Wire.hello(server.port);
  await wire.command('STARTTLS');
  return await wire.startTls(options);
}

const serial = (pair: Issued) => new X509Certificate(pair.crt).serialNumber;
const shown = (socket: TLSSocket) => socket.getPeerX509Certificate()!.serialNumber;

describe('RFC 6066 §3: server_name', () => {
  it.each([
    ['mx.example.test', first],
    ['MX.Other.TEST', other],
    ['mail.other.test', other],
    ['late.test', later],
    ['any.other.test', wildcard],
    ['a.wild.test', wildcard],
    ['a.b.wild.test', first],
    ['wild.test', first],
    ['.other.test', first],
    ['*.other.test', first],
    ['unknown.test', first],
    ['x'.repeat(255), first],
    [undefined, first],
  ])(
    'a client that asks for %s gets the certificate that has the name, or a wildcard for it, or the first',
    async (name, pair) => {
      const server = await serveAll([first, wildcard, other, later]);
      expect(shown(await shake(server, { servername: name ?? '' }))).toBe(serial(pair));
      // TLS 1.2 has another way through OpenSSL.
      expect(shown(await shake(server, { servername: name ?? '', maxVersion: 'TLSv1.2' }))).toBe(
        serial(pair),
      );
    },
  );

  it('holds for implicit TLS as for STARTTLS', async () => {
    const server = await serveAll([first, other], { mode: 'implicit', required: true });
    const wire = await Wire.connect(server.port, { tls: { servername: 'mail.other.test' } });
    expect((wire.socket as TLSSocket).getPeerX509Certificate()!.serialNumber).toBe(serial(other));
    expect((await wire.reply()).status).toBe('220');
  });

  it('a name with a certificate of RSA and one of ECDSA has both, and the client’s algorithms choose', async () => {
    const rsa = rsaPair('mx.example.test');
    const server = await serveAll([first, other, rsa]);
    for (const servername of ['mx.example.test', '']) {
      const only = (sigalgs: string) => shake(server, { servername, sigalgs });
      expect(shown(await only('rsa_pss_rsae_sha256'))).toBe(serial(rsa));
      expect(shown(await only('ecdsa_secp256r1_sha256'))).toBe(serial(first));
      const old = (ciphers: string) => shake(server, { servername, ciphers, maxVersion: 'TLSv1.2' });
      expect(shown(await old('ECDHE-RSA-AES128-GCM-SHA256'))).toBe(serial(rsa));
      expect(shown(await old('ECDHE-ECDSA-AES128-GCM-SHA256'))).toBe(serial(first));
    }
  });

  it('no session is resumed for another name than it was made for', async () => {
    const server = await serveAll([first, other]);
    const session = sessionOf(await shake(server, { servername: 'mx.example.test', maxVersion: 'TLSv1.2' }));
    const same = await shake(server, { servername: 'mx.example.test', session, maxVersion: 'TLSv1.2' });
    expect(same.isSessionReused()).toBe(true);
    const another = await shake(server, { servername: 'mx.other.test', session, maxVersion: 'TLSv1.2' });
    expect(another.isSessionReused()).toBe(false);
    expect(shown(another)).toBe(serial(other));
  });
});

function sessionOf(socket: TLSSocket): Buffer {
  return socket.getSession()!;
}

function rsaPair(name: string): Issued {
  const folder = temporaryFolder('rsa');
  const [key, crt] = [join(folder, 'key'), join(folder, 'crt')];
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  const files = ['-keyout', key, '-out', crt];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, ...files],
    {
      stdio: 'ignore',
    },
  );
  return { crt: readFileSync(crt, 'utf8'), key: readFileSync(key, 'utf8') };
}
