/**
 * Of whom the sender is to hear after an attempt, and what (RFC 3461 §5.2). Pure.
 *
 * Nobody is told where the reverse-path is null, so that two MTAs can never bounce a bounce (RFC 5321 §4.5.5), nor
 * what NOTIFY leaves out, nor what a next hop tells that knows RFC 3461.
 */
import type { Envelope, Recipient } from '../envelope.ts';
import type { Decision } from '../settle.ts';
import type { Action, ReportedRecipient } from './types.ts';

/** What is known of the next hop that answered. */
export interface Answered {
  /** It stores mail: what it has taken is delivered, and nobody will tell more. */
  readonly isStore: boolean;
  /** It knows RFC 3461: of what it has taken it tells the sender itself. */
  readonly notifies: boolean;
  /** It knows RFC 2852: of a deliver-by-time that has not passed it tells the sender itself. */
  readonly deliversBy: boolean;
}

/**
 * @param now ms since the epoch
 * @param wasTried whether a next hop was asked, or is at least known: else there is no time of a last attempt
 */
export function toReport(
  envelope: Envelope,
  { ended, deferred, late, told }: Decision,
  answered: Answered,
  now: number,
  wasTried: boolean,
): ReportedRecipient[] {
  const { from, recipients } = envelope;
  const { isStore, notifies } = answered;
  if (from === '') return [];
  const isTraced = tracesRelaying(envelope, answered, now);
  const found: ReportedRecipient[] = [];
  const report = (recipient: number, action: Action, reply: ReportedRecipient['reply']): void => {
    found.push({ recipient, action, reply, ...(wasTried ? { lastAttemptAt: now } : {}) });
  };
  const tell: typeof report = (recipient, action, reply) => {
    if (wants(recipients[recipient]!, action)) report(recipient, action, reply);
  };
  for (const { recipient, outcome, reply } of ended) {
    if (outcome !== 'delivered') tell(recipient, 'failed', reply!);
    else if (isTraced && recipients[recipient]!.notify?.includes('NEVER') !== true) {
      report(recipient, 'relayed', reply!);
    } else if (!notifies) tell(recipient, isStore ? 'delivered' : 'relayed', reply!);
  }
  if (late.length === 0) return found;
  for (const { recipients: those, lastReply } of deferred) {
    for (const recipient of those)
      if (late.includes(recipient)) tell(recipient, 'delayed', (told ?? lastReply)!);
  }
  return found;
}

/**
 * Whether a relaying is told, whatever NOTIFY says short of NEVER: where the sender asked for a trace (RFC 2852 §4.1.4), or
 * nobody from here on knows of the time that it gave (§4.1.4.2).
 */
function tracesRelaying(
  { deliverBy, deliverByMode, deliverByTrace }: Envelope,
  { isStore, deliversBy }: Answered,
  now: number,
): boolean {
  if (isStore || deliverBy === undefined) return false;
  return deliverByTrace === true || (deliverByMode === 'notify' && !deliversBy && now < deliverBy);
}

const KEYWORD = { failed: 'FAILURE', delayed: 'DELAY', delivered: 'SUCCESS', relayed: 'SUCCESS' } as const;

/** RFC 3461 §4.1: what was asked for; without NOTIFY failures and delays are told, as RFC 3461 §5.2.5 allows. */
function wants({ notify }: Recipient, action: Action): boolean {
  return notify === undefined ? KEYWORD[action] !== 'SUCCESS' : notify.includes(KEYWORD[action]);
}
