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

export async function selfSigned(name: string): Promise<Certificate> {
  const folder = temporaryFolder('tls');
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await runOk(program('openssl'), [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
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
