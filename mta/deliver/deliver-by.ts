/** How a message that is to be delivered by a time goes on (RFC 2852 §4.1.4). Pure. */
import type { Envelope, Recipient } from '../envelope.ts';
import { smtpError } from '../errors.ts';

type Deadline = Pick<Envelope, 'deliverBy' | 'deliverByMode' | 'deliverByTrace'>;
type Extensions = ReadonlyMap<string, string>;

/** What is known of the next hop. */
export interface Receiver {
  /** It is where the message is delivered to, and not relayed. */
  readonly isStore: boolean;
  readonly extensions: Extensions;
}

/**
 * Value of BY= for this next hop; undefined where there is none to be said. Throws 554 5.3.3 where a message of mode R
 * must not go there (§4.1.4.1).
 *
 * @param now ms since the epoch
 */
export function relayedBy(envelope: Deadline, receiver: Receiver, now: number): string | undefined {
  const { deliverBy, deliverByMode: mode, deliverByTrace } = envelope;
  if (deliverBy === undefined) return undefined;
  const left = Math.floor((deliverBy - now) / 1000);
  // Of mode R none goes on without a second left, and a whole one is the least that can be said.
  const seconds = mode === 'return' ? Math.max(left, 1) : left;
  const offered = receiver.extensions.get('DELIVERBY');
  if (mode === 'return' && !receiver.isStore) {
    if (offered === undefined) throw smtpError('notDeliverBy');
    const least = leastOf(offered);
    if (seconds < least) throw smtpError('notDeliverBy', { detail: `within ${seconds} s, of ${least}` });
  }
  if (offered === undefined) return undefined;
  return `${seconds};${mode === 'return' ? 'R' : 'N'}${deliverByTrace === true ? 'T' : ''}`;
}

/** The `min-by-time` of §2 (3); 0 where nothing is said. */
function leastOf(offered: string): number {
  return Number(/^(\d{1,9})(?:,|$)/.exec(offered.trim())?.[1] ?? 0);
}

/**
 * Whether a message of mode N goes on before its time to who doesn't know of it: then the sender hears of the relaying, and
 * is to hear of delays (§4.1.4.2).
 *
 * @param now ms since the epoch
 */
export function isOutOfSight(envelope: Deadline, receiver: Receiver, now: number): boolean {
  const { deliverBy, deliverByMode } = envelope;
  if (deliverBy === undefined || deliverByMode !== 'notify' || now >= deliverBy) return false;
  return !receiver.isStore && !receiver.extensions.has('DELIVERBY');
}

/** NOTIFY where the sender is to hear of delays, too. */
export function withDelay(notify: Recipient['notify']): readonly string[] {
  if (notify === undefined) return ['FAILURE', 'DELAY'];
  return notify.includes('NEVER') || notify.includes('DELAY') ? notify : [...notify, 'DELAY'];
}
