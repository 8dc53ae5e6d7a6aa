/** A self-signed certificate, by Debian's openssl. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { temporaryFolder } from './folders.ts';
import { runOk } from './processes.ts';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export type KeyKind = 'ecdsa' | 'rsa';

const NEW_KEY: Record<KeyKind, readonly string[]> = {
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
};

/** @param kind of its key: ECDSA with P-256, or RSA with 2048 bits */
export async function selfSigned(name: string, kind: KeyKind = 'ecdsa'): Promise<Certificate> {
  const folder = temporaryFolder('tls');
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await runOk(program('openssl'), [
    ...['req', '-x509', ...NEW_KEY[kind], '-nodes', '-days', '2'],
    ...[
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-keyout',
      keyFile,
      '-out',
      certificateFile,
    ],
  ]);
  return {
    keyFile,
    certificateFile,
    key: readFileSync(keyFile, 'utf8'),
    certificate: readFileSync(certificateFile, 'utf8'),
  };
}
