import { X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../mta/random.ts';
import { selfSigned, VALID_MS } from './certificate.ts';

describe('the certificate of the local mode', () => {
  const now = Date.UTC(2026, 10, 22, 12);
  const made = selfSigned('mail.example.test', now, systemRandom);
  const x509 = new X509Certificate(made.certificate);

  it('is valid for a year, for its name and for loopback, and no CA', () => {
    expect(x509.verify(x509.publicKey)).toBe(true);
    expect(x509.ca).toBe(false);
    expect(x509.subjectAltName).toBe(
      'DNS:mail.example.test, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    );
    expect(Date.parse(x509.validFrom)).toBe(now - 3_600_000);
    expect(Date.parse(x509.validTo)).toBe(now + VALID_MS);
    expect(x509.serialNumber).toHaveLength(32);
  });

  it('is trusted by a client that is given it', async () => {
    const fresh = selfSigned('mail.example.test', Date.now(), systemRandom);
    const server = createServer({ cert: fresh.certificate, key: fresh.key }, (socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const socket = connect({
        port: (server.address() as AddressInfo).port,
        host: '127.0.0.1',
        ca: fresh.certificate,
        servername: 'mail.example.test',
      });
      let said = '';
      for await (const chunk of socket) said += String(chunk);
      expect(said).toBe('hello');
      expect(socket.authorized).toBe(true);
    } finally {
      server.close();
    }
  });
});
