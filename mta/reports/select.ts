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
}

/** @param now ms since the epoch */
export function toReport(
  { from, recipients }: Envelope,
  { ended, deferred, late, told }: Decision,
  { isStore, notifies }: Answered,
  now: number,
): ReportedRecipient[] {
  if (from === '') return [];
  const found: ReportedRecipient[] = [];
  const tell = (recipient: number, action: Action, reply: ReportedRecipient['reply']): void => {
    if (wants(recipients[recipient]!, action)) found.push({ recipient, action, reply, lastAttemptAt: now });
  };
  for (const { recipient, outcome, reply } of ended) {
    if (outcome !== 'delivered') tell(recipient, 'failed', reply!);
    else if (!notifies) tell(recipient, isStore ? 'delivered' : 'relayed', reply!);
  }
  if (late.length === 0) return found;
  for (const { recipients: those, lastReply } of deferred) {
    for (const recipient of those)
      if (late.includes(recipient)) tell(recipient, 'delayed', (told ?? lastReply)!);
  }
  return found;
}

const KEYWORD = { failed: 'FAILURE', delayed: 'DELAY', delivered: 'SUCCESS', relayed: 'SUCCESS' } as const;

/** RFC 3461 §4.1: what was asked for; without NOTIFY failures and delays are told, as RFC 3461 §5.2.5 allows. */
function wants({ notify }: Recipient, action: Action): boolean {
  return notify === undefined ? KEYWORD[action] !== 'SUCCESS' : notify.includes(KEYWORD[action]);
}
