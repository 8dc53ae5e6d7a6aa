/**
 * Passwords to verifiers, as compile asks for them: scrypt in PHC form, the same for the same input, so that a config
 * only changes where a password does. Each user has a salt of its own, derived from a random one of the installation.
 */
import { createHmac, scryptSync } from 'node:crypto';

// 32 MiB and about 60 ms a guess.
const LOG_N = 15;
const BLOCK = 8;

/** @param salt random, secret to nobody but different in each installation */
export function verifiers(salt: string): (username: string, password: string) => string {
  const known = new Map<string, string>();
  return (username, password) => {
    const key = JSON.stringify([username, password]);
    const verifier = known.get(key) ?? make(username, password);
    known.set(key, verifier);
    return verifier;
  };

  function make(username: string, password: string): string {
    const own = createHmac('sha256', salt).update(username).digest().subarray(0, 16);
    const hash = scryptSync(password, own, 32, { N: 2 ** LOG_N, r: BLOCK, p: 1, maxmem: 64 * 1024 * 1024 });
    const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
    return `$scrypt$ln=${LOG_N},r=${BLOCK},p=1$${text(own)}$${text(hash)}`;
  }
}
