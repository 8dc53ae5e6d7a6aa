/** MailDomain: a domain whose mail the fleet takes, and where it goes. Written by the domain's owner. */
import { z } from 'zod';
import {
  cidrs,
  domainName,
  duration,
  host,
  itemName,
  localRef,
  mtaRefs,
  port,
  quantity,
  secretKeyRef,
} from './fields.ts';
import { attachedColumns, type Kind } from './kind.ts';
import { mtaSts } from './mail-domain-sts.ts';
import { atomicList, mapList, setList, withRules } from './rules.ts';
import { attachedStatus, dnsRecords, tlsReports } from './status.ts';

const hostAndPort = (defaultPort: number) =>
  z.strictObject({
    host: host().describe('Name or IP address, such as inbox.mail.svc.cluster.local.'),
    port: port().default(defaultPort).describe('TCP port.'),
  });

const hosts = (defaultPort: number) =>
  atomicList(hostAndPort(defaultPort), 16)
    .min(1)
    .describe('Hosts that take the mail, in the order in which they are tried.');

const tlsPolicyRef = () =>
  localRef('a MailTLSPolicy')
    .optional()
    .describe(
      "How TLS is done with these hosts; the fleet's default where absent: STARTTLS where it is offered.",
    );

const webhook = withRules(
  z.strictObject({
    url: z
      .string()
      .min(1)
      .max(2048)
      .regex(/^https?:\/\/[^\s/?#@\\]+(\/[^\s?#\\]*)?(\?[^\s#\\]*)?$/, {
        error:
          'must be an http or https URL such as https://hooks.example.org/mail, without user, password or fragment',
      })
      .describe(
        'Where messages are posted to. With https, certificate and name are verified. http is for what is near, such as a Service of the cluster: on the way, anybody could read the mail and answer for it.',
      ),
    signingSecretRef: secretKeyRef('key').describe(
      'Key that requests are signed with (Standard Webhooks): whsec_ and 24 to 64 random bytes in base64. With one on each line, each of them signs: how a key is replaced while both are known. Until it is there, mail waits.',
    ),
    tlsPolicyRef: localRef('a MailTLSPolicy')
      .optional()
      .describe(
        "Authorities to trust and the lowest version of TLS, from a policy of mode Verified; the system's authorities and TLS 1.2 where absent.",
      ),
  }),
  [
    {
      rule: "!has(self.tlsPolicyRef) || self.url.startsWith('https://')",
      message: 'tlsPolicyRef has no use with http: post to an https URL, or leave it out',
      fieldPath: '.tlsPolicyRef',
      holds: (self) => self.tlsPolicyRef === undefined || self.url.startsWith('https://'),
    },
  ],
);

const memberFor = { LMTP: 'lmtp', SMTP: 'smtp', Webhook: 'webhook', Hold: 'hold' } as const;

const hold = withRules(
  z.strictObject({
    maxAge: duration()
      .optional()
      .describe(
        "How long mail waits before it is tried once more and goes back to its sender; the MTA's delivery.lifetime where absent.",
      ),
    etrnFrom: cidrs()
      .default([])
      .describe(
        'Client networks that may have it sent by ETRN (RFC 1985), on a listener of the role SMTP or Submission.',
      ),
    users: setList(z.string().min(1).max(254), 100)
      .default([])
      .describe(
        "Usernames of MailUsers, of this namespace or the MTA's, who may fetch it by ATRN (RFC 2645) on a listener of the role ODMR, or have it sent by ETRN.",
      ),
    hosts: atomicList(hostAndPort(25), 16)
      .default([])
      .describe(
        "Where ETRN sends it, in the order in which hosts are tried; the domain's MX hosts that are preferred to this fleet where absent.",
      ),
    tlsPolicyRef: tlsPolicyRef(),
  }),
  [
    {
      rule: 'size(self.etrnFrom) + size(self.users) > 0',
      message: 'nobody could ever ask for this mail: name networks in etrnFrom, or users',
      fieldPath: '.etrnFrom',
      holds: (self) => self.etrnFrom.length + self.users.length > 0,
    },
  ],
);

const target = withRules(
  z.strictObject({
    type: z
      .enum(['LMTP', 'SMTP', 'Webhook', 'Hold'])
      .describe(
        'LMTP: a mail store, with an answer for each recipient. SMTP: another mail server. Webhook: an HTTP endpoint, with an answer for each recipient if it likes. Hold: kept until its owner asks for it by ETRN or ATRN.',
      ),
    lmtp: z
      .strictObject({ hosts: hosts(24), tlsPolicyRef: tlsPolicyRef() })
      .optional()
      .describe('The mail store, where type is LMTP.'),
    smtp: z
      .strictObject({ hosts: hosts(25), tlsPolicyRef: tlsPolicyRef() })
      .optional()
      .describe('The mail server, where type is SMTP.'),
    webhook: webhook.optional().describe('The endpoint, where type is Webhook.'),
    hold: hold.optional().describe('Who may ask for the mail, where type is Hold.'),
  }),
  [
    ...Object.entries(memberFor).map(([type, member]) => ({
      rule: `(self.type == '${type}') == has(self.${member})`,
      message: `${member} is needed where type is ${type}, and only there`,
      fieldPath: `.${member}`,
      holds: (self: { readonly [key: string]: unknown }) =>
        (self['type'] === type) === (self[member] !== undefined),
    })),
  ],
);

const recipients = withRules(
  z.strictObject({
    mode: z
      .enum(['Any', 'List'])
      .default('Any')
      .describe(
        'Any: every local part is taken; what the target then refuses is bounced. List: those of list, and postmaster; all others get 550 5.1.1 while their sender is still on the line.',
      ),
    list: setList(
      z
        .string()
        .min(1)
        .max(64)
        .regex(/^[^\s@]+$/, { error: 'must be a local part: what stands before the @' }),
      10_000,
    )
      .default([])
      .describe('Local parts, compared without regard to case.'),
    subaddressDelimiter: z
      .string()
      .length(1)
      .regex(/^[-+=_.#%!]$/, { error: 'must be one of - + = _ . # % !' })
      .optional()
      .describe(
        'With +, anna+lists is looked up in list as anna (RFC 5233), and delivered as it was addressed.',
      ),
  }),
  [
    {
      rule: "self.mode == 'List' || size(self.list) == 0",
      message: 'list has no use with mode Any: set mode to List, or leave it out',
      fieldPath: '.list',
      holds: (self) => self.mode === 'List' || self.list.length === 0,
    },
    {
      rule: "self.mode == 'List' || !has(self.subaddressDelimiter)",
      message: 'subaddressDelimiter has no use with mode Any: set mode to List, or leave it out',
      fieldPath: '.subaddressDelimiter',
      holds: (self) => self.mode === 'List' || self.subaddressDelimiter === undefined,
    },
  ],
);

const reportAddresses = () =>
  setList(
    z
      .string()
      .min(1)
      .max(2048)
      .regex(/^(mailto|https):/),
    16,
  ).describe('URIs that reports go to, mailto: or https:.');

const tlsRpt = withRules(
  z.strictObject({
    receive: withRules(
      z.strictObject({
        localPart: z
          .string()
          .min(1)
          .max(64)
          .regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/, {
            error: 'must be a local part in lower case, of letters, digits, - and _ with dots between them',
          })
          .default('tls-reports')
          .describe(
            'Mail for it, at this domain and its aliases, goes neither to target nor to anybody else. It must not stand in recipients.list.',
          ),
      }),
      [
        {
          rule: "self.localPart != 'postmaster'",
          message: 'postmaster is for people (RFC 5321): choose another local part',
          fieldPath: '.localPart',
          holds: (self) => self.localPart !== 'postmaster',
        },
      ],
    )
      .optional()
      .describe(
        'Take reports by mail, check and count them: what they say is in the status, in metrics and in the log.',
      ),
    rua: setList(
      z
        .string()
        .min(1)
        .max(255)
        // Printable ASCII without ! " , ; and \, of which some mean something else in the record, some in a zone file.
        .regex(/^(mailto:[#-+\--:<->A-[\]-~]+@[#-+\--:<->A-[\]-~]+|https:\/\/[#-+\--:<-[\]-~]+)$/, {
          error:
            'must be a URI such as mailto:reports@example.org or https://example.org/reports, in ASCII, with ! " , ; and \\ as %21, %22, %2C, %3B and %5C',
        }),
      8,
    )
      .default([])
      .describe('Where else reports go: URIs, mailto: or https:.'),
  }),
  [
    {
      rule: 'has(self.receive) || size(self.rua) > 0',
      message: 'nobody would get the reports: set receive, or name somebody in rua',
      fieldPath: '.receive',
      holds: (self) => self.receive !== undefined || self.rua.length > 0,
    },
  ],
);

const shape = z.strictObject({
  mtaRefs: mtaRefs(),
  domain: domainName().describe('The domain, such as example.org. Letters beyond ASCII are welcome.'),
  aliases: setList(domainName(), 64)
    .default([])
    .describe('Other names of the same domain: mail for them is taken and delivered as it is addressed.'),
  target: target.describe('Where accepted mail goes.'),
  recipients: recipients.prefault({}).describe('For whom mail is taken.'),
  limits: z
    .strictObject({
      messageSize: quantity()
        .optional()
        .describe(
          "Largest message for this domain; the listener's limit counts where it is smaller. A message to several domains has to be within the limit of each; by LMTP it is refused for those alone whose limit it is above.",
        ),
    })
    .prefault({})
    .describe('Limits of mail for this domain.'),
  dkim: z
    .strictObject({
      keys: mapList(
        z.strictObject({
          selector: itemName().describe('Selector: the key is published at selector._domainkey.domain.'),
          secretRef: secretKeyRef('tls.key').describe('Private key, PEM.'),
        }),
        ['selector'],
        8,
      )
        .optional()
        .describe('Keys of your own. Without them, keys are made and rotated for you.'),
      rotation: z
        .strictObject({
          interval: duration().describe('How long a key signs before the next one takes over.'),
        })
        .optional()
        .describe('When keys that are made for you are replaced.'),
    })
    .optional()
    .describe('Sign outgoing mail of this domain (RFC 6376). Not yet supported.'),
  mtaSts: mtaSts
    .optional()
    .describe(
      'Publish that mail for this domain has to come in over verified TLS (RFC 8461): the pods answer for mta-sts.<domain>, at the web port of the MTA. What is to be in DNS is in status.fleets[].records. To end it, publish mode None until maxAge of the policy before is over.',
    ),
  tlsRpt: tlsRpt
    .optional()
    .describe(
      'Ask senders for reports about TLS (RFC 8460). The DNS records that ask them are in the status, to be published by you.',
    ),
  dmarc: z
    .strictObject({
      policy: z
        .enum(['None', 'Quarantine', 'Reject'])
        .describe('What receivers should do with mail that fails.'),
      rua: reportAddresses().optional(),
    })
    .optional()
    .describe('The DMARC policy of this domain, and who is told. Not yet supported.'),
});

const spec = withRules(shape, [
  {
    rule: '!has(self.tlsRpt) || !has(self.tlsRpt.receive) || !self.recipients.list.exists(each, each.lowerAscii() == self.tlsRpt.receive.localPart)',
    message:
      'tlsRpt.receive.localPart stands in recipients.list, and mail for it would reach nobody: take it out, or choose another local part',
    fieldPath: '.tlsRpt.receive.localPart',
    holds: ({ tlsRpt: asked, recipients: { list } }) =>
      !list.some((each) => each.toLowerCase() === asked?.receive?.localPart),
  },
]);

export const mailDomain = {
  kind: 'MailDomain',
  plural: 'maildomains',
  shortName: 'md',
  description:
    'A domain whose mail a fleet takes: for which recipients, where it goes, and what is published about it.',
  spec,
  status: attachedStatus({
    records: dnsRecords(
      'What is to be in DNS for what the domain publishes. A record is here as soon as every serving pod keeps to it: put it into the zone then, not before.',
    ),
    tlsReports: tlsReports(
      'What others report of TLS with this domain, added up. Anybody can send a report: these are hints, and no proof.',
    ),
  }),
  columns: [
    { name: 'Domain', type: 'string', jsonPath: '.spec.domain', description: 'The domain.' },
    { name: 'Target', type: 'string', jsonPath: '.spec.target.type', description: 'Where its mail goes.' },
    {
      name: 'Recipients',
      type: 'string',
      jsonPath: '.spec.recipients.mode',
      description: 'For whom mail is taken.',
      wide: true,
    },
    ...attachedColumns,
  ],
} as const satisfies Kind;

export type MailDomainSpec = z.output<typeof spec>;
