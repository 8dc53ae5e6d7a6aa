/** Reports of an MTA to the domains that its mail goes to (RFC 8460). */
import { z } from 'zod';
import { address } from './fields.ts';

export const tlsReports = z.strictObject({
  send: z
    .boolean()
    .default(false)
    .describe(
      'Count how TLS went with hosts that MX records name, and report it once a day to domains that ask for it by a TXT record at _smtp._tls: by mail and by HTTPS, as the record says.',
    ),
  organization: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Who reports, as it stands in the reports: the name of a company. The hostname where absent.'),
  contact: address()
    .optional()
    .describe(
      'Address of somebody who answers questions about reports, in ASCII: it stands in them, and is what they come from by mail. The postmaster where absent.',
    ),
});
