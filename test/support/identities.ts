/** Certificates as servers may show them, good ones and others, by Debian's openssl. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { temporaryFolder } from './folders.ts';
import { runOk } from './processes.ts';

/** PEM: a key, and what is shown with it, its own certificate first. */
export interface Identity {
  readonly key: string;
  readonly certificate: string;
}

export interface IssueOptions {
  /** Who signs; itself where absent. */
  readonly by?: Identity;
  /** Whether who signs is shown, too; true where absent. */
  readonly chain?: boolean;
  /** Until it ends: negative ones have passed. */
  readonly days?: number;
  readonly authority?: boolean;
}

export async function issue(name: string, options: IssueOptions = {}): Promise<Identity> {
  const { by, chain = true, days = 2, authority = false } = options;
  const folder = temporaryFolder('identity');
  const file = (each: string) => join(folder, each);
  const openssl = (...args: readonly string[]) => runOk(program('openssl'), args);
  await openssl(...['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('key')]);
  await openssl(...['req', '-new', '-key', file('key'), '-subj', `/CN=${name}`, '-out', file('request')]);
  const extensions = [`basicConstraints=critical,CA:${authority}`, `subjectAltName=DNS:${name}`];
  writeFileSync(file('extensions'), extensions.join('\n'));
  if (by !== undefined) {
    writeFileSync(file('issuer'), by.certificate);
    writeFileSync(file('issuerKey'), by.key);
  }
  await openssl(
    ...['x509', '-req', '-in', file('request'), '-days', String(days), '-extfile', file('extensions')],
    ...(by === undefined
      ? ['-signkey', file('key')]
      : ['-CA', file('issuer'), '-CAkey', file('issuerKey'), '-CAcreateserial']),
    ...['-out', file('certificate')],
  );
  const certificate = readFileSync(file('certificate'), 'utf8');
  return {
    key: readFileSync(file('key'), 'utf8'),
    certificate: by !== undefined && chain ? certificate + by.certificate : certificate,
  };
}
