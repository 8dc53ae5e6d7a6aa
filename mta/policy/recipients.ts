/** Which mailboxes a domain of ours has, and which of them is its own for TLS reports. Pure. */
import type { Domain } from '../config.ts';

/** Whether a domain takes mail for a local part; made once per config, asked for every RCPT. */
export type RecipientCheck = (localPart: string) => boolean;

/** Whose mail for a local part is: that of a person, of the mailbox for reports, or nobody's. */
export type Owner = 'person' | 'reports' | undefined;

export function compileRecipients(domain: Domain): RecipientCheck {
  const ownerOf = compileOwners(domain);
  return (localPart) => ownerOf(localPart) !== undefined;
}

/** Who is listed with a whole name has the mail for it: a subaddress is what is left. An empty delimiter is none. */
export function compileOwners({
  recipients: { mode, list, subaddressDelimiter },
  tlsRpt,
}: Pick<Domain, 'recipients' | 'tlsRpt'>): (localPart: string) => Owner {
  const owners = new Map<string, Owner>(list.map((localPart) => [comparable(localPart), 'person']));
  // RFC 5321 §4.5.1
  owners.set('postmaster', 'person');
  if (tlsRpt?.mailbox !== undefined) owners.set(tlsRpt.mailbox.toLowerCase(), 'reports');
  const other: Owner = mode === 'any' ? 'person' : undefined;
  return (localPart) => {
    const mailbox = comparable(localPart);
    const owner = owners.get(mailbox);
    if (owner !== undefined) return owner;
    const delimiter = subaddressDelimiter ? mailbox.indexOf(subaddressDelimiter) : -1;
    return (delimiter > 0 ? owners.get(mailbox.slice(0, delimiter)) : undefined) ?? other;
  };
}

/** Lower case, and `"anna"` is `anna` (RFC 5321 §4.1.2); for comparison only, never for delivery. */
export function comparable(localPart: string): string {
  const bare = localPart.startsWith('"') ? localPart.slice(1, -1).replace(/\\(.)/g, '$1') : localPart;
  return bare.toLowerCase();
}
