/**
 * How many connections are open, in all and by client address. Several worker processes share a listener's port and
 * can't see each other's counts, so each allows its share of the limit. The kernel spreads connections by chance:
 * three standard deviations of slack keep it from refusing what is within the limit as a whole.
 */
import type { Limits } from '../config.ts';
import { type SmtpError, smtpError } from '../errors.ts';

export class Connections {
  readonly #share: number;
  readonly #byAddress = new Map<string | undefined, number>();
  #total = 0;

  /** @param share this process's part of the listener's connections: 1 for a single worker, 0.5 for each of two */
  constructor(share: number) {
    this.#share = share;
  }

  /**
   * Counts a connection, also one that is refused: who calls this calls `leave`. Those whose address nobody knows are as of one
   * address.
   */
  enter(address: string | undefined, limits: Limits): SmtpError | undefined {
    this.#total += 1;
    const fromAddress = (this.#byAddress.get(address) ?? 0) + 1;
    this.#byAddress.set(address, fromAddress);
    if (this.#total > shareOf(limits.connections, this.#share)) return smtpError('serverBusy');
    if (fromAddress > shareOf(limits.connectionsPerAddress, this.#share))
      return smtpError('tooManyConnections');
    return undefined;
  }

  leave(address: string | undefined): void {
    this.#total -= 1;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}

/** @example shareOf(50, 0.5) === 36 */
export function shareOf(limit: number, share: number): number {
  const deviation = Math.sqrt(limit * share * (1 - share));
  return Math.min(limit, Math.ceil(limit * share + 3 * deviation));
}
