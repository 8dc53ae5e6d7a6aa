/** Which mailboxes a domain of ours has. Pure. */
import type { Domain } from '../config.ts';

/** Whether a domain takes mail for a local part; made once per config, asked for every RCPT. */
export type RecipientCheck = (localPart: string) => boolean;

export function compileRecipients(domain: Domain): RecipientCheck {
  const { recipients } = domain;
  if (recipients.mode === 'any') return () => true;
  const { subaddressDelimiter } = recipients;
  const known = new Set(recipients.list.map(comparable));
  // RFC 5321 §4.5.1
  known.add('postmaster');
  if (domain.tlsRpt?.mailbox !== undefined) known.add(domain.tlsRpt.mailbox);
  return (localPart) => {
    const mailbox = comparable(localPart);
    if (known.has(mailbox)) return true;
    const delimiter = subaddressDelimiter ? mailbox.indexOf(subaddressDelimiter) : -1;
    return delimiter > 0 && known.has(mailbox.slice(0, delimiter));
  };
}

/** Lower case, and `"anna"` is `anna` (RFC 5321 §4.1.2); for comparison only, never for delivery. */
export function comparable(localPart: string): string {
  const bare = localPart.startsWith('"') ? localPart.slice(1, -1).replace(/\\(.)/g, '$1') : localPart;
  return bare.toLowerCase();
}
