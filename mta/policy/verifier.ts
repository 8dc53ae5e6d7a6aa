/**
 * Checks passwords against verifiers. A check costs 32 MiB and some 50 ms of one of the process's few worker threads,
 * which syncs of the queue need too: so two run at once, a bounded number wait, and a client that logs in for every
 * message pays once in five minutes. What is remembered is an HMAC under a key that never leaves this process.
 * Fails with 454 4.7.0 when too many are waiting.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { smtpError } from '../errors.ts';
import type { Random } from '../random.ts';
import { DEFAULT_COST, type PhcHash, verifyPassword } from './phc.ts';

export interface Verifier {
  /** `phc` is undefined for a user that doesn't exist: that takes as long, and is false. */
  verify(password: string, phc: PhcHash | undefined): Promise<boolean>;
}

const AT_ONCE = 2;
const MOST_WAITING = 200;
const REMEMBERED_MS = 5 * 60_000;
const MOST_REMEMBERED = 1000;

export function createVerifier(deps: { clock: Clock; random: Random }): Verifier {
  const key = deps.random.bytes(32);
  const nobody = { ...DEFAULT_COST, salt: deps.random.bytes(16), hash: deps.random.bytes(32) };
  // In the order in which they were verified, which is the order in which they are forgotten.
  const verified = new Map<string, number>();
  const waiting: (() => void)[] = [];
  let running = 0;

  const inTurn = async (work: () => Promise<boolean>): Promise<boolean> => {
    if (running >= AT_ONCE) {
      if (waiting.length >= MOST_WAITING) throw smtpError('authTemporary');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      // The place goes to who waits, or is free.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };

  const fingerprint = (password: string, { salt, hash }: PhcHash): string =>
    createHmac('sha256', key).update(salt).update(hash).update(password).digest('base64');

  const remember = (print: string): void => {
    const now = deps.clock.monotonic();
    verified.delete(print);
    verified.set(print, now + REMEMBERED_MS);
    for (const [old, until] of verified) {
      if (until > now && verified.size <= MOST_REMEMBERED) break;
      verified.delete(old);
    }
  };

  return {
    async verify(password, phc) {
      if (phc === undefined) {
        await inTurn(() => verifyPassword(password, nobody));
        return false;
      }
      const print = fingerprint(password, phc);
      if ((verified.get(print) ?? 0) > deps.clock.monotonic()) return true;
      const right = await inTurn(() => verifyPassword(password, phc));
      if (right) remember(print);
      return right;
    },
  };
}
