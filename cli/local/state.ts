/**
 * The state folder of the local mode (`.postrider/`): where each thing is, and the secrets that are made once, at the
 * first start. Throws `PostriderError` StateInvalid for a file that can't be what it is for.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../../mta/clock.ts';
import { PostriderError } from '../../mta/errors.ts';
import type { Random } from '../../mta/random.ts';
import { type Certificate, selfSigned } from './certificate.ts';
import { makeFolders, writeDurably } from './files.ts';

/** The state folder, below the current one, where `--state` names no other. */
export const DEFAULT_STATE = '.postrider';

/** A certificate with less than this left is made anew. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

export const paths = (folder: string) => ({
  folder,
  queue: join(folder, 'queue'),
  history: join(folder, 'history'),
  inbox: join(folder, 'inbox'),
  config: join(folder, 'config.json'),
  log: join(folder, 'mta.log'),
  lock: join(folder, 'up.lock'),
  token: join(folder, 'control-token'),
  salt: join(folder, 'password-salt'),
  certificate: join(folder, 'tls', 'cert.pem'),
  key: join(folder, 'tls', 'key.pem'),
});
export type StatePaths = ReturnType<typeof paths>;

export function makeFolder(folder: string): StatePaths {
  try {
    makeFolders(join(folder, 'tls'));
  } catch (error) {
    throw new PostriderError('StateInvalid', `Can't make the state folder ${folder}: ${causeOf(error)}`, {
      hint: 'Choose another with --state DIR',
      cause: error,
    });
  }
  return paths(folder);
}

/** What the file system says of a file below the state folder, as what to do about it; other errors as they are. */
export function stateFault(error: unknown, folder: string): unknown {
  const { syscall, path } = error as NodeJS.ErrnoException;
  if (error instanceof PostriderError || syscall === undefined || path === undefined) return error;
  return new PostriderError(
    'StateInvalid',
    `The state folder ${folder} can't be used: ${(error as Error).message}`,
    {
      hint: 'See that this user may write there and that there is room, or choose another with --state DIR',
      cause: error,
    },
  );
}

/** One line of text in a file; what `make` gives is written where there is no such file yet. */
export function secretFile(path: string, what: string, make?: () => string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && make !== undefined) {
      const value = make();
      makeFolders(dirname(path));
      writeDurably(path, `${value}\n`);
      return value;
    }
    throw new PostriderError('StateInvalid', `Can't read the ${what} in ${path}: ${causeOf(error)}`, {
      ...(make !== undefined && { hint: 'Make it readable, or remove it and a new one will be made' }),
      cause: error,
    });
  }
  const value = text.replace(/\r?\n$/, '');
  const fault = faultOf(value);
  if (fault !== undefined) {
    throw new PostriderError('StateInvalid', `The ${what} in ${path} ${fault}`, {
      hint: 'Write one line of printable text into it, or remove it and a new one will be made',
    });
  }
  return value;
}

function faultOf(value: string): string | undefined {
  if (value.trim() === '') return 'is empty';
  if (/[\r\n]/.test(value)) return 'has more than one line';
  if (/\p{Cc}/u.test(value)) return 'has control characters in it';
  return undefined;
}

/** Passwords and tokens of our own making: 128 bits in hex, so that none begins with a `-` and reads as an option. */
export const makeSecret = (random: Random) => random.bytes(16).toString('hex');

/** The certificate for listeners that name none, made anew when it is about to expire or is for another name. */
export function localCertificate(
  files: StatePaths,
  hostname: string,
  clock: Clock,
  random: Random,
): Certificate {
  const existing = readCertificate(files);
  if (existing !== undefined) {
    const { validTo, x509 } = existing;
    const valid = validTo - clock.now() > RENEW_BEFORE_MS;
    if (valid && x509.checkHost(hostname) !== undefined) return existing;
  }
  const made = selfSigned(hostname, clock.now(), random);
  writeDurably(files.key, made.key);
  writeDurably(files.certificate, made.certificate);
  return made;
}

function readCertificate(
  files: StatePaths,
): (Certificate & { x509: X509Certificate; validTo: number }) | undefined {
  try {
    const certificate = readFileSync(files.certificate, 'utf8');
    const key = readFileSync(files.key, 'utf8');
    const x509 = new X509Certificate(certificate);
    // A crash between the two writes leaves a pair that doesn't fit: as good as none.
    if (!x509.checkPrivateKey(createPrivateKey(key))) return undefined;
    return { certificate, key, x509, validTo: Date.parse(x509.validTo) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new PostriderError(
      'StateInvalid',
      `Can't use the certificate in ${files.certificate} with ${files.key}: ${causeOf(error)}`,
      { hint: 'Remove both files and new ones will be made', cause: error },
    );
  }
}

export const causeOf = (error: unknown) =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
