/** What statuses have in common: conditions, and for the kinds that attach, conditions per fleet. */
import { z } from 'zod';
import { namespaceName, objectName } from './fields.ts';
import { atomicList, mapList } from './rules.ts';

const dateTime = () => z.string().max(64).meta({ format: 'date-time' });
const generation = () => z.int().nonnegative();

const condition = z.strictObject({
  type: z.string().min(1).max(316).describe('Type of the condition, such as Accepted or Ready.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether the condition holds.'),
  observedGeneration: generation()
    .optional()
    .describe(
      'Generation of the resource that this was found out for. If it is older than metadata.generation, wait.',
    ),
  lastTransitionTime: dateTime().describe('When the status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('CamelCase word for programs. docs/conditions.md explains each of them.'),
  message: z.string().max(32768).describe('What is the case, and what to do about it.'),
});

export const conditions = () => mapList(condition, ['type'], 16);

export const observedGeneration = () =>
  generation().optional().describe('The generation of the resource that this status speaks of.');

export const programmedGeneration = () =>
  generation()
    .optional()
    .describe(
      'Generation of the resource that every serving pod has loaded. While it is behind metadata.generation, pods go by the spec as it was then; absent where they have nothing of it.',
    );

export { dateTime, generation };

/** Most records that one list has. */
export const MOST_RECORDS = 512;

const dnsRecord = z.strictObject({
  name: z.string().min(1).max(255).describe('Name of the record, without a dot at its end.'),
  type: z.enum(['TXT', 'TLSA', 'CNAME']).describe('Type of the record.'),
  value: z.string().min(1).max(4096).describe('What it says, as a zone file has it, without quotes.'),
  since: dateTime().optional().describe('When it came into this list, where that matters.'),
});
export type DnsRecord = z.output<typeof dnsRecord>;

/** DNS records that people are to publish. */
export const dnsRecords = (description: string) =>
  atomicList(dnsRecord, MOST_RECORDS).optional().describe(description);

const sessions = (description: string) => z.int().nonnegative().describe(description);

/** What others report of TLS with a domain (RFC 8460). */
export const tlsReports = (description: string) =>
  z
    .strictObject({
      lastReceived: dateTime().describe('When the last report came.'),
      window: z
        .string()
        .max(16)
        .describe('Of how long the figures are, such as 7d: of reports for the last seven days.'),
      successfulSessions: sessions('Sessions that had TLS as they should.'),
      failedSessions: sessions('Sessions that had not.'),
      failures: atomicList(
        z.strictObject({
          resultType: z
            .string()
            .max(64)
            .describe('What failed, such as certificate-expired (RFC 8460, section 4.3).'),
          host: z.string().max(253).optional().describe('The mail host of the domain, where it was said.'),
          sessions: sessions('Sessions that failed so, or were said to.'),
        }),
        10,
      ).describe('What failed, the most first.'),
    })
    .optional()
    .describe(description);

/** Status of MailDomain, MailRelay, MailTLSPolicy and MailUser. @param more what is said of it besides, by each fleet */
export const attachedStatus = (more: z.core.$ZodLooseShape = {}) =>
  z.strictObject({
    observedGeneration: observedGeneration(),
    programmedGeneration: programmedGeneration(),
    conditions: conditions()
      .optional()
      .describe('The sum over all fleets: a condition is True here when it is True in every fleet.'),
    fleets: mapList(
      z.strictObject({
        namespace: namespaceName().describe('Namespace of the MTA.'),
        name: objectName().describe('Name of the MTA.'),
        conditions: conditions().optional().describe('What this fleet says of the resource.'),
        ...more,
      }),
      ['namespace', 'name'],
      16,
    )
      .optional()
      .describe('One entry per fleet that mtaRefs names and that exists.'),
  });
