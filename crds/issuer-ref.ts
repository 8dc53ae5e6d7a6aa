/** Who issues a certificate: an issuer of cert-manager, or one that it knows how to ask. */
import { z } from 'zod';
import { objectName } from './fields.ts';

export const issuerRef = () =>
  z.strictObject({
    name: objectName().describe('Name of the issuer.'),
    kind: z
      .string()
      .min(1)
      .max(63)
      .default('Issuer')
      .describe('Issuer, in the namespace of the MTA, or ClusterIssuer, or a kind of another issuer.'),
    group: z.string().min(1).max(253).default('cert-manager.io').describe('Group of that kind.'),
  });
