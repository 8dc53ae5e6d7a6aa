/** The web port of an MTA: what mail servers fetch by HTTPS. */
import { z } from 'zod';
import { domainName, port } from './fields.ts';
import { issuerRef } from './issuer-ref.ts';

export const web = z.strictObject({
  port: port()
    .default(8443)
    .describe('TCP port that the processes listen on. Services have it at 443, where the world asks.'),
  hostname: domainName()
    .optional()
    .describe(
      "Name at which the world reaches it: what mta-sts.<domain> of each domain is to be a CNAME of; the fleet's hostname where absent. Cluster only.",
    ),
  issuerRef: issuerRef()
    .optional()
    .describe(
      'Let cert-manager issue the certificates of mta-sts.<domain>, for each MailDomain that names none of its own: the operator makes a Certificate for each, in the namespace of the MTA. Cluster only: the local mode has a certificate of its own.',
    ),
});
