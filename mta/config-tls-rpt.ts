/** How a domain asks for TLS reports (RFC 8460), as the config has it. */
import { z } from 'zod';

export const tlsRptSchema = z.strictObject({
  /**
   * Local part that reports are mailed to, lower case: mail for it goes to nobody else, and it need not be listed. Where the domain has Policy
   * Hosts, reports are taken there too.
   */
  mailbox: z.string().min(1).optional(),
  /** URIs that the domain's DNS record names besides. */
  rua: z.array(z.string().min(1)),
});
