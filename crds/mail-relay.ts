/** MailRelay: a smart host, and which mail goes there. Written by whoever owns the account with it. */
import { z } from 'zod';
import {
  address,
  domainPattern,
  duration,
  host,
  localRef,
  mtaRefs,
  port,
  secretKeyRef,
  username,
} from './fields.ts';
import { attachedColumns, type Kind } from './kind.ts';
import { atomicList, mapList, setList, withRules } from './rules.ts';
import { attachedStatus } from './status.ts';
import { parseDuration } from './units.ts';

const rewriteRules = (what: string) =>
  mapList(
    z.strictObject({
      from: z
        .string()
        .min(1)
        .max(320)
        .regex(/^(\*|[^\s@*]+)(@(\*|(\*\.)?[^\s@*]+))?$/, {
          error: 'must be an address, *@example.org, root@*, or * for any',
        })
        .describe(
          'Which addresses are replaced: root@web-0.example.org, *@web-0.example.org, *@*.example.org, root@* or *. The first rule that matches counts.',
        ),
      to: address().describe('What they are replaced by.'),
    }),
    ['from'],
    64,
  )
    .default([])
    .describe(what);

const spec = z.strictObject({
  mtaRefs: mtaRefs(),
  match: withRules(
    z.strictObject({
      recipientDomains: setList(domainPattern(), 1000)
        .default([])
        .describe(
          'Domains of recipients: example.org, *.example.org for every name below it, * for all. Mail for domains of the fleet itself never goes to a relay.',
        ),
      senderDomains: setList(domainPattern(), 1000)
        .default([])
        .describe(
          "Domains of envelope senders. In a namespace that isn't the MTA's, these must be domains that the namespace has in this fleet, and where the list is empty it is all of them.",
        ),
      users: setList(username(), 1000)
        .default([])
        .describe('Names of users who authenticated, as in the username of a MailUser.'),
    }),
    [
      {
        rule: 'size(self.recipientDomains) + size(self.senderDomains) + size(self.users) > 0',
        message:
          "say which mail goes here: recipientDomains: ['*'] is everything that is not for domains of the fleet",
        holds: (self) => self.recipientDomains.length + self.senderDomains.length + self.users.length > 0,
      },
    ],
  ).describe(
    'Which mail goes here: each list that is not empty has to match. Among several relays that match the most specific is taken, as docs/kinds.md says.',
  ),
  hosts: atomicList(
    z.strictObject({
      host: host().describe('Name or IP address.'),
      port: port().default(587).describe('TCP port.'),
      weight: z
        .int()
        .min(1)
        .max(1000)
        .default(1)
        .describe('Share of connections, relative to the other hosts.'),
      lookupMX: z
        .boolean()
        .default(false)
        .describe('Use the MX hosts of the name, rather than its addresses.'),
    }),
    16,
  )
    .min(1)
    .describe('Hosts of the relay. One is picked by weight; the others are tried when it does not answer.'),
  tls: z
    .strictObject({
      implicit: z
        .boolean()
        .default(false)
        .describe('TLS from the first byte, as on port 465, rather than STARTTLS.'),
      policyRef: localRef('a MailTLSPolicy')
        .optional()
        .describe(
          "How TLS is done; the fleet's default where absent. With credentials, name one with mode Verified.",
        ),
    })
    .prefault({})
    .describe('TLS with the relay.'),
  credentials: z
    .strictObject({
      username: z
        .string()
        .min(1)
        .max(320)
        .optional()
        .describe("User name; the Secret's value at usernameKey where absent."),
      secretRef: secretKeyRef('password').describe('The password.'),
      usernameKey: z
        .string()
        .min(1)
        .max(253)
        .regex(/^[-._a-zA-Z0-9]+$/)
        .default('username')
        .describe('Key of the user name in the same Secret, as in Secrets of type kubernetes.io/basic-auth.'),
    })
    .optional()
    .describe('How to authenticate with the relay. Without it, AUTH is not used.'),
  rewrite: z
    .strictObject({
      envelopeFrom: rewriteRules(
        'Replaces the envelope sender, to which bounces go. The null sender of a bounce is never replaced.',
      ),
      headerFrom: rewriteRules(
        'Replaces the address in the From field, which people see. The name beside it stays.',
      ),
    })
    .prefault({})
    .describe('Senders that the relay would refuse, such as root@some-pod, replaced by ones that it takes.'),
  limits: z
    .strictObject({
      connections: z
        .int()
        .min(1)
        .max(10_000)
        .default(10)
        .describe('Connections at a time, of the whole fleet.'),
      messagesPerConnection: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(100)
        .describe('Messages after which a connection is closed.'),
      rate: withRules(
        z.strictObject({
          messages: z.int().min(1).max(1_000_000_000).describe('Messages.'),
          per: duration().describe('In how long a time; at least 1s.'),
        }),
        [
          {
            rule: "duration(self.per) >= duration('1s')",
            message: 'per must be at least 1s',
            fieldPath: '.per',
            holds: (self) => parseDuration(self.per) >= 1,
          },
        ],
      )
        .optional()
        .describe('How many messages the whole fleet may send to it, in any such time.'),
    })
    .prefault({})
    .describe('What the relay can bear.'),
});

export const mailRelay = {
  kind: 'MailRelay',
  plural: 'mailrelays',
  shortName: 'mr',
  description:
    'A smart host that mail is handed to instead of the hosts of its recipients: which mail, with which credentials.',
  spec,
  status: attachedStatus(),
  columns: [
    {
      name: 'Host',
      type: 'string',
      jsonPath: '.spec.hosts[0].host',
      description: 'First host of the relay.',
    },
    {
      name: 'Port',
      type: 'integer',
      jsonPath: '.spec.hosts[0].port',
      description: 'Port of its first host.',
      wide: true,
    },
    ...attachedColumns,
  ],
} as const satisfies Kind;

export type MailRelaySpec = z.output<typeof spec>;
