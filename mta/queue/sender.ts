/** Whom a message is from, for fairness between senders. Pure. */
import { domainOf, type Envelope } from '../envelope.ts';

/** Longer ones are cut: only few bytes of a record are set aside for it. */
const LONGEST = 320;

/** The authenticated user, else the domain of the reverse-path in lower case, else `''`. */
export function senderOf(envelope: Envelope): string {
  const sender = envelope.origin.user ?? domainOf(envelope.from)?.toLowerCase() ?? '';
  return sender.slice(0, LONGEST);
}
