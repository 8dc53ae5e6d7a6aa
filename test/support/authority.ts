/** A certificate authority of a test, by Debian's openssl. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { program } from './debian.ts';
import { temporaryFolder } from './folders.ts';
import { runOk } from './processes.ts';

export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** A folder with ca.crt, and tls.crt with tls.key for these DNS names and addresses. */
  issue(...names: readonly string[]): Promise<string>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

export async function certificateAuthority(name = 'test authority'): Promise<Authority> {
  const folder = temporaryFolder('authority');
  const [keyFile, file] = [join(folder, 'ca.key'), join(folder, 'ca.crt')];
  const subject = ['-subj', `/CN=${name}`];
  await runOk(program('openssl'), ['req', '-x509', ...NEW_KEY, ...subject, '-keyout', keyFile, '-out', file]);
  const certificate = readFileSync(file, 'utf8');
  return {
    certificate,
    async issue(...names) {
      const issued = temporaryFolder('identity');
      await runOk(program('openssl'), [
        ...['req', '-x509', ...NEW_KEY, '-subj', '/CN=a member', '-CA', file, '-CAkey', keyFile],
        ...[
          '-addext',
          `subjectAltName=${names.map((each) => `${isIP(each) ? 'IP' : 'DNS'}:${each}`).join(',')}`,
        ],
        ...['-addext', 'basicConstraints=critical,CA:FALSE'],
        ...['-keyout', join(issued, 'tls.key'), '-out', join(issued, 'tls.crt')],
      ]);
      writeFileSync(join(issued, 'ca.crt'), certificate);
      return issued;
    },
  };
}
