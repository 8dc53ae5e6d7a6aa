import { randomBytes } from 'node:crypto';

/** Randomness as a parameter: seeded in tests, the system's otherwise. */
export interface Random {
  /** In [0, 1): for jitter and shuffles. */
  fraction(): number;
  /** Unpredictable bytes: for ids and nonces. */
  bytes(length: number): Buffer;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (length) => randomBytes(length),
};

/** A quarter less to a quarter more, so that what many do now and then they don't do at once. */
export const around = (ms: number, random: Pick<Random, 'fraction'>): number =>
  ms * (0.75 + random.fraction() / 2);
