/** TLS reports (RFC 8460), as the config has them: those that domains of ours ask for, and those that we send. */
import { z } from 'zod';

/** How a domain asks for them. */
export const tlsRptSchema = z.strictObject({
  /**
   * Local part that reports are mailed to, lower case: mail for it goes to nobody else, and it need not be listed. Where the domain has Policy
   * Hosts, reports are taken there too.
   */
  mailbox: z.string().min(1).optional(),
  /** URIs that the domain's DNS record names besides. */
  rua: z.array(z.string().min(1)),
});

/** Reports to the domains that mail goes to, of TLS with their hosts (RFC 8460). */
export const tlsReportsSchema = z.strictObject({
  /** Who reports: `organization-name`. */
  organization: z.string().min(1),
  /** Address of who answers for it, in ASCII: `contact-info`, and where reports by mail come from. */
  contact: z.string().regex(/^[\x21-\x7e]+@[\x21-\x7e]+$/),
});
export type TlsReportsConfig = z.infer<typeof tlsReportsSchema>;
