/**
 * Passwords to verifiers, as compile asks for them: scrypt in PHC form, the same for the same input, so that a config
 * only changes where a password does. Each user has a salt of its own, derived from a random one of the installation.
 */
import { createHmac, scrypt, scryptSync } from 'node:crypto';
import type { Login } from './types.ts';

// 32 MiB and about 60 ms a guess.
const LOG_N = 15;
const BLOCK = 8;
const LENGTH = 32;
const COSTS = { N: 2 ** LOG_N, r: BLOCK, p: 1, maxmem: 64 * 1024 * 1024 };

/** @param salt random, secret to nobody but different in each installation */
export function verifiers(salt: string): (login: Pick<Login, 'username' | 'password'>) => string {
  const known = new Map<string, string>();
  return ({ username, password }) => {
    const key = JSON.stringify([username, password]);
    const own = saltOf(salt, username);
    const verifier = known.get(key) ?? prefixOf(own) + text(scryptSync(password, own, LENGTH, COSTS));
    known.set(key, verifier);
    return verifier;
  };
}

/** Where the event loop has other things to do. Rejects where there is no memory for it. */
export async function makeVerifier(password: string, salt: Buffer): Promise<string> {
  return new Promise((resolve, reject) =>
    scrypt(password, salt, LENGTH, COSTS, (error, hash) =>
      error === null ? resolve(prefixOf(salt) + text(hash)) : reject(error),
    ),
  );
}

/** @param of what it is to be another salt for */
export const saltOf = (installation: string, of: string): Buffer =>
  createHmac('sha256', installation).update(of).digest().subarray(0, 16);

/** What every verifier with that salt begins with, at the costs of this version. */
export const prefixOf = (salt: Buffer): string => `$scrypt$ln=${LOG_N},r=${BLOCK},p=1$${text(salt)}$`;

const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
