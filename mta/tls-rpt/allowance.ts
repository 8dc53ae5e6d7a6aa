/**
 * How many reports of one day may go to one host, or to mailboxes of one domain: whoever publishes records can name places of others in them, for
 * as many domains as they like, and nobody asks those. Pure.
 */
import { domainOf } from '../envelope.ts';
import type { Destination } from './record.ts';

/** Whoever reads reports for many domains gets as many. */
export const MOST_REPORTS = 250;

export class Allowance {
  readonly #used = new Map<string, number>();

  /** Whether one more may go there; it is taken then. */
  takes(to: Destination): boolean {
    const host = hostOf(to);
    const used = this.#used.get(host) ?? 0;
    if (used >= MOST_REPORTS) return false;
    this.#used.set(host, used + 1);
    return true;
  }
}

/** Who bears it: a host, or the domain of a mailbox, in lower case. */
export const hostOf = (to: Destination): string =>
  (to.kind === 'https' ? new URL(to.uri).hostname : (domainOf(to.address) ?? ''))
    .toLowerCase()
    .replace(/\.$/, '');
