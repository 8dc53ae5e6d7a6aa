/** What is published by HTTPS, as the config has it. */
import { z } from 'zod';
import { secretId } from './config-tls.ts';

/** The port that Policy Hosts of domains are reached at (RFC 8461 §3.3); nothing is published where it is absent. */
export const webSchema = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()]),
  port: z.int().min(1).max(65535),
});
export type WebPlace = z.infer<typeof webSchema>;

/** The MTA-STS policy of a domain, for each of its names: at `mta-sts.` and the name. */
export const publishedPolicySchema = z.strictObject({
  /** The file as it is served (RFC 8461 §3.2). */
  policy: z.string().min(1).max(65536),
  /** PEM of a chain for the Policy Hosts of all names, and its key. */
  certificate: secretId,
  key: secretId,
});
export type PublishedPolicy = z.infer<typeof publishedPolicySchema>;

/** Where a Policy Host of a domain that asks for TLS reports takes them (RFC 8460 §5.4). */
export const REPORTS_PATH = '/tls-reports';

/** The Policy Host of a domain (RFC 8461 §3.2). */
export const policyHost = (domain: string): string => `mta-sts.${domain}`;
