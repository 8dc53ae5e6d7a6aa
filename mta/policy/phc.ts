/**
 * Password hashes as PHC strings of scrypt (RFC 7914 §2): `$scrypt$ln=15,r=8,p=1$salt$hash`, salt and hash in base64
 * without padding, `ln` the binary logarithm of N. The work is done off the event loop.
 * Fails with `PostriderError` ConfigInvalid for a string that is none of these, or that asks for too much memory.
 */
import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { PostriderError } from '../errors.ts';

export interface PhcHash {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})={0,2}\$([A-Za-z0-9+/]{22,86})={0,2}$/;
// N·r of 32 MiB to 256 MiB is what a login may cost; a verifier doesn't decide about our memory.
const MOST_MEMORY = 256 * 1024 * 1024;

export const DEFAULT_COST = { logN: 15, r: 8, p: 1 } as const;

export function parsePhc(text: string): PhcHash {
  const match = PHC.exec(text);
  if (match === null) throw invalid('is no PHC string of scrypt');
  const [logN, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  const salt = Buffer.from(match[4]!, 'base64');
  const hash = Buffer.from(match[5]!, 'base64');
  if (logN < 1 || r < 1 || p < 1 || p > 16) throw invalid('has a cost parameter that scrypt does not know');
  if (128 * 2 ** logN * r > MOST_MEMORY) throw invalid('asks for more than 256 MiB of memory');
  return { logN, r, p, salt, hash };
}

/** @param salt at least 8 bytes, 16 is usual */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  const { logN, r, p } = DEFAULT_COST;
  const hash = await derive(password, { logN, r, p, salt, hash: Buffer.alloc(32) });
  return `$scrypt$ln=${logN},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Compares in constant time. */
export async function verifyPassword(password: string, phc: PhcHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, phc), phc.hash);
}

function derive(password: string, { logN, r, p, salt, hash }: PhcHash): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 2 * MOST_MEMORY };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function invalid(why: string): PostriderError {
  return new PostriderError('ConfigInvalid', `a password verifier ${why}`, {
    hint: 'write it as $scrypt$ln=15,r=8,p=1$salt$hash, salt and hash in base64',
  });
}
