/** MTA: a fleet of mail servers that share one queue. Written by the platform team. */
import { z } from 'zod';
import {
  address,
  cidrs,
  domainName,
  domainPattern,
  duration,
  itemName,
  namespaceName,
  objectName,
  port,
  quantity,
} from './fields.ts';
import { ageColumn, conditionColumn, type Kind } from './kind.ts';
import { atomicList, immutable, mapList, setList, withRules } from './rules.ts';
import { conditions, dateTime, observedGeneration } from './status.ts';
import { parseDuration } from './units.ts';

const tlsVersion = () => z.enum(['TLSv1.2', 'TLSv1.3']);

const listenerTls = withRules(
  z.strictObject({
    mode: z
      .enum(['None', 'STARTTLS', 'Implicit'])
      .default('STARTTLS')
      .describe(
        'None: clear text only. STARTTLS: the client may switch to TLS. Implicit: TLS from the first byte, as on port 465.',
      ),
    required: z
      .boolean()
      .default(false)
      .describe(
        'Refuse MAIL and AUTH with 530 5.7.0 until the session is in TLS. Leave it off on the SMTP listener of a public domain: a good part of the world would be shut out.',
      ),
    minVersion: tlsVersion().default('TLSv1.2').describe('Oldest version of TLS that a client may use.'),
    certificateRef: z
      .strictObject({
        name: objectName().describe(
          'Name of the Secret, of type kubernetes.io/tls, in the namespace of the MTA.',
        ),
      })
      .optional()
      .describe(
        'Secret with the certificate chain (tls.crt) and its key (tls.key), such as cert-manager writes. Needed unless mode is None; the local mode makes a certificate of its own.',
      ),
    clientAuth: z
      .strictObject({
        caRef: z
          .strictObject({ name: objectName().describe('Name of a Secret with the CA bundle in ca.crt.') })
          .describe('Authorities whose client certificates are taken.'),
      })
      .optional()
      .describe('Ask clients for a certificate and let it be their identity. Not yet supported.'),
  }),
  [
    {
      rule: "!(self.required && self.mode == 'None')",
      message:
        'required needs a mode other than None: set mode to STARTTLS or Implicit, or required to false',
      fieldPath: '.required',
      holds: (self) => !(self.required && self.mode === 'None'),
    },
    {
      rule: "!(has(self.certificateRef) && self.mode == 'None')",
      message: 'certificateRef has no use with mode None: set mode to STARTTLS or Implicit, or leave it out',
      fieldPath: '.certificateRef',
      holds: (self) => !(self.certificateRef !== undefined && self.mode === 'None'),
    },
  ],
);

/** `wrap` gives a field its default where it is the fleet's, and makes it optional where it is a listener's own. */
const limitFields = (own: boolean) => {
  const size = (value: string, what: string) =>
    (own ? quantity().optional() : quantity().default(value)).describe(what);
  const time = (value: string, what: string) =>
    (own ? duration().optional() : duration().default(value)).describe(what);
  const count = (value: number, max: number, what: string, min = 1) => {
    const field = z.int().min(min).max(max);
    return (own ? field.optional() : field.default(value)).describe(what);
  };
  return {
    messageSize: size(
      '50Mi',
      'Largest message taken, as sent. Announced with SIZE; a larger one gets 552 5.3.4.',
    ),
    recipients: count(
      1000,
      100_000,
      'Recipients of one message; the next gets 452 4.5.3. RFC 5321 asks for at least 100.',
      100,
    ),
    transactionsPerSession: count(
      10_000,
      100_000_000,
      'Messages on one connection; the next MAIL gets 421 4.7.0.',
    ),
    errorsPerSession: count(
      20,
      10_000,
      'Commands refused on one connection before it is closed with 421 4.7.0.',
    ),
    idleCommandsPerSession: count(
      100,
      100_000,
      'RSET, NOOP, HELP, VRFY, EXPN and repeated EHLO between two messages before the connection is closed.',
    ),
    authFailuresPerSession: count(3, 100, 'Failed AUTH attempts on one connection before it is closed.'),
    sessionDuration: time(
      '1h',
      'Longest life of a connection. One in the middle of a message is allowed to end it.',
    ),
    sessionSize: size('10Gi', 'Bytes that one connection may send in all.'),
    connections: count(
      2000,
      1_000_000,
      'Connections at a time, for each worker and listener; the next gets 421 4.7.0.',
    ),
    connectionsPerAddress: count(
      200,
      1_000_000,
      'Connections at a time from one client address, for each worker and listener.',
    ),
    lineLength: count(
      1000,
      1_000_000,
      'Longest line of a message in bytes, CRLF included; a message with a longer one gets 554 5.6.0. RFC 5321 says 1000.',
      1000,
    ),
    hops: count(
      50,
      1000,
      'Received fields at which a message is taken to be looping, and refused with 554 5.4.6.',
    ),
    minDataRate: count(
      64,
      1_000_000_000,
      'Slowest pace of a message on its way in, in bytes per second over a minute; 0 is any.',
      0,
    ),
  };
};

const listener = withRules(
  z.strictObject({
    name: itemName().describe('Name of the listener, unique in the MTA: for logs, metrics and policies.'),
    role: z
      .enum(['SMTP', 'Submission', 'ODMR'])
      .describe(
        'SMTP: takes mail for the domains of this fleet from anyone (port 25). Submission: takes mail to anywhere from users who authenticate (ports 587 and 465, RFC 6409). ODMR: hands held mail out to its owner (port 366, RFC 2645); not yet supported.',
      ),
    port: port().describe(
      'TCP port that the processes listen on. Pods have no privileges: choose one above 1023 and let the Service map 25, 465 or 587 to it.',
    ),
    hostname: domainName()
      .optional()
      .describe("Name in the greeting and in Received; the fleet's hostname where absent."),
    tls: listenerTls.prefault({}).describe('TLS of this listener.'),
    auth: z
      .strictObject({
        mode: z
          .enum(['Off', 'Optional', 'Required'])
          .optional()
          .describe(
            'Off: AUTH is not offered. Optional: a user who authenticates may send to anywhere. Required: nothing is taken from anyone else. Required where the role is Submission, Off where it is SMTP.',
          ),
        allowWithoutTLS: z
          .boolean()
          .default(false)
          .describe(
            'Offer AUTH in clear text too. Passwords can then be read on the way: for loopback only.',
          ),
      })
      .prefault({})
      .describe('Whether users can authenticate here (PLAIN and LOGIN, against MailUser).'),
    relayFrom: cidrs()
      .default([])
      .describe(
        'Client networks that may send to any domain without AUTH. Empty is the default: nobody. An open relay is one line away, keep these networks small.',
      ),
    proxyProtocol: z
      .strictObject({ from: cidrs().describe('Addresses of the load balancers.') })
      .optional()
      .describe(
        'Take the client address from the PROXY protocol of these load balancers. Not yet supported.',
      ),
    limits: z
      .strictObject(limitFields(true))
      .prefault({})
      .describe("Limits of this listener where they differ from the MTA's."),
  }),
  [
    {
      rule: "!(self.role == 'Submission' && has(self.auth.mode) && self.auth.mode == 'Off')",
      message:
        'a Submission listener is for users who authenticate: set auth.mode to Required or Optional, or role to SMTP',
      fieldPath: '.auth',
      holds: (self) => !(self.role === 'Submission' && self.auth.mode === 'Off'),
    },
    {
      rule: "!(self.tls.mode == 'None' && !self.auth.allowWithoutTLS && (has(self.auth.mode) ? self.auth.mode != 'Off' : self.role == 'Submission'))",
      message:
        'AUTH could never be used: give the listener TLS, or set auth.allowWithoutTLS on loopback, or auth.mode to Off',
      fieldPath: '.auth',
      holds: (self) =>
        !(
          self.tls.mode === 'None' &&
          !self.auth.allowWithoutTLS &&
          (self.auth.mode !== undefined ? self.auth.mode !== 'Off' : self.role === 'Submission')
        ),
    },
  ],
);

const labelSelector = z.strictObject({
  matchLabels: z
    .record(z.string(), z.string().max(63))
    .optional()
    .describe('Labels that the namespace must have, each with this value.'),
  matchExpressions: atomicList(
    withRules(
      z.strictObject({
        key: z.string().min(1).max(317).describe('Label key.'),
        operator: z
          .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
          .describe('How the label is compared with values.'),
        values: atomicList(z.string().max(63), 64)
          .default([])
          .describe('Values for In and NotIn; none for Exists and DoesNotExist.'),
      }),
      [
        {
          rule: "(self.operator in ['In', 'NotIn']) == (size(self.values) > 0)",
          message: 'values are needed for In and NotIn, and have no use for Exists and DoesNotExist',
          fieldPath: '.values',
          holds: (self) => ['In', 'NotIn'].includes(self.operator) === self.values.length > 0,
        },
      ],
    ),
    32,
  )
    .optional()
    .describe('Conditions on labels that the namespace must meet, all of them.'),
});

const attachedKind = z.enum(['MailDomain', 'MailRelay', 'MailTLSPolicy', 'MailUser']);

const grant = withRules(
  z.strictObject({
    name: itemName().describe('Name of the entry, unique in the MTA: for messages.'),
    namespaces: withRules(
      z.strictObject({
        names: setList(namespaceName(), 256).optional().describe('Namespaces by name.'),
        selector: labelSelector
          .optional()
          .describe('Namespaces by their labels; an empty selector is every namespace.'),
      }),
      [
        {
          rule: 'has(self.names) || has(self.selector)',
          message: 'name the namespaces in names, or select them by label in selector ({} is all of them)',
          holds: (self) => self.names !== undefined || self.selector !== undefined,
        },
      ],
    ).describe('Namespaces that this entry lets in: those in names and those that the selector selects.'),
    kinds: setList(attachedKind, 4).min(1).describe('Kinds of resources that may attach from there.'),
    domains: setList(domainPattern(), 256)
      .default([])
      .describe(
        'Domains that MailDomains from there may have, as names and aliases: example.org, *.example.org for every name below it, * for any.',
      ),
  }),
  [
    {
      rule: "!('MailDomain' in self.kinds) || size(self.domains) > 0",
      message: 'say in domains which domains these namespaces may have, or leave MailDomain out of kinds',
      fieldPath: '.domains',
      holds: (self) => !self.kinds.includes('MailDomain') || self.domains.length > 0,
    },
  ],
);

const timeout = (value: string, what: string) => duration().default(value).describe(what);

const delivery = withRules(
  z.strictObject({
    retry: z
      .strictObject({
        initial: duration().default('5m').describe('Wait after the first failed attempt.'),
        factor: z
          .int()
          .min(1)
          .max(10)
          .default(2)
          .describe('By how much each wait is longer than the one before.'),
        max: duration().default('4h').describe('Longest wait.'),
        jitterPercent: z
          .int()
          .min(0)
          .max(100)
          .default(20)
          .describe(
            'Random share by which a wait is made longer or shorter, so that retries of many messages spread out.',
          ),
      })
      .prefault({})
      .describe('When a message that could not be delivered is tried again.'),
    lifetime: duration()
      .default('120h')
      .describe(
        'How long delivery is tried before a message goes back to its sender. RFC 5321 asks for four to five days.',
      ),
    bounceLifetime: duration()
      .default('48h')
      .describe(
        'The same for mail without a sender, such as bounces: at its end they are dropped and logged.',
      ),
    delayWarning: duration()
      .default('4h')
      .describe('After how long a sender is told, once, that the message is late; 0s is never.'),
    connectionsPerDestination: z
      .int()
      .min(1)
      .max(10_000)
      .default(20)
      .describe('Connections at a time to one next hop, for each worker.'),
    messagesPerConnection: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe('Messages after which a connection to a next hop is closed.'),
    idleConnection: duration()
      .default('10s')
      .describe('How long an unused connection to a next hop is kept for the next message.'),
    addressFamilies: setList(z.enum(['IPv4', 'IPv6']), 2)
      .min(1)
      .default(['IPv6', 'IPv4'])
      .describe('Which addresses of next hops are used. Name only IPv4 where pods have no IPv6 route.'),
    timeouts: z
      .strictObject({
        connect: timeout('30s', 'Until a TCP connection, and the TLS handshake in it, stands.'),
        greeting: timeout('5m', 'Until the next hop greets (RFC 5321 4.5.3.2.1).'),
        command: timeout('5m', 'Until the reply to a command (RFC 5321 4.5.3.2.2 and 4.5.3.2.3).'),
        dataBlock: timeout(
          '3m',
          'Until the next hop takes the next block of a message (RFC 5321 4.5.3.2.5).',
        ),
        finalReply: timeout(
          '10m',
          'Until the reply to the final dot (RFC 5321 4.5.3.2.6). A shorter wait makes duplicates.',
        ),
      })
      .prefault({})
      .describe('How long a next hop is waited for.'),
  }),
  [
    {
      rule: 'duration(self.retry.initial) <= duration(self.retry.max)',
      message: 'retry.initial must not be longer than retry.max',
      fieldPath: '.retry',
      holds: (self) => parseDuration(self.retry.initial) <= parseDuration(self.retry.max),
    },
    {
      rule: "duration(self.retry.initial) >= duration('1s')",
      message: 'retry.initial must be at least 1s',
      fieldPath: '.retry',
      holds: (self) => parseDuration(self.retry.initial) >= 1,
    },
  ],
);

const storage = z.strictObject({
  mode: immutable(
    z.enum(['Shared', 'PerReplica']),
    'the storage mode of a fleet can not be changed: make a second MTA and move its traffic',
  )
    .default('Shared')
    .describe(
      'Shared: one ReadWriteMany volume for all pods; mail of a dead pod is taken over within seconds. PerReplica: a ReadWriteOnce volume for each pod, emptied to its peers before it goes; not yet supported. Immutable.',
    ),
  size: quantity().default('10Gi').describe('Size of each volume that is requested. Cluster only.'),
  storageClassName: objectName()
    .optional()
    .describe("StorageClass of the volumes; the cluster's default where absent. Cluster only."),
  leaseTerm: duration()
    .default('10s')
    .describe('How long a pod may be silent before the others take its mail over.'),
  inlineMessageSize: quantity()
    .default('64Ki')
    .describe('Messages up to this size are kept in the journal itself, larger ones in a file each.'),
  segmentSize: quantity().default('64Mi').describe('Size at which the journal goes on in a new file.'),
  minFree: quantity()
    .default('256Mi')
    .describe('Free space below which new mail is answered 452 4.3.1, until there is more.'),
});

const spec = z.strictObject({
  replicas: z
    .int()
    .min(0)
    .max(1000)
    .default(1)
    .describe(
      'Pods of the fleet. An autoscaler may own this, through the scale subresource. Cluster only: the local mode is one pod.',
    ),
  workers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      'Processes in each pod. They share its ports; each has a part of the queue. About one per CPU.',
    ),
  hostname: domainName().describe(
    'Name of the fleet as mail servers see it: in HELO, in the greeting, in Received and in reports. It should resolve to the addresses that the fleet sends from, and back.',
  ),
  postmaster: address()
    .optional()
    .describe(
      'Address that mail for postmaster without a domain goes to, and that reports come from; postmaster@ and the hostname where absent.',
    ),
  listeners: mapList(listener, ['name'], 16).min(1).describe('Ports on which mail comes in.'),
  limits: z
    .strictObject(limitFields(false))
    .prefault({})
    .describe('What a client may do, on every listener that does not say otherwise.'),
  storage: storage.prefault({}).describe('Where the queue is, and how it is kept.'),
  delivery: delivery
    .prefault({})
    .describe('How mail goes out: what relays and policies do not say otherwise.'),
  dns: z
    .strictObject({
      servers: atomicList(
        z
          .string()
          .min(1)
          .max(80)
          .regex(/^([0-9.]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$/, {
            error: 'must be an IP address, in brackets if it is IPv6, with a port if it is not 53',
          }),
        3,
      )
        .default([])
        .describe(
          "Recursive resolvers, such as 192.0.2.53 or [2001:db8::53]:5353; the pod's own where empty.",
        ),
      timeout: duration()
        .default('5s')
        .describe('How long one lookup may take before it counts as failed and the message is tried later.'),
    })
    .prefault({})
    .describe('How names are looked up.'),
  egress: z
    .strictObject({
      allow: cidrs()
        .default([])
        .describe(
          'Loopback, link-local, private and metadata addresses that MX records, and resources of other namespaces, may lead to. All others of that kind are refused after resolution.',
        ),
    })
    .prefault({})
    .describe('Where mail may be sent to.'),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .default('info')
        .describe("Least level of the program's own log lines. The mail log is always written."),
      redactAddresses: z
        .boolean()
        .default(false)
        .describe(
          'Replace local parts of addresses in the mail log by a keyed hash: equal ones can still be followed.',
        ),
      historyDays: z
        .int()
        .min(0)
        .max(366)
        .default(7)
        .describe(
          'Days for which "what happened to my message" can be answered after it has left; 0 is not at all.',
        ),
    })
    .prefault({})
    .describe('What is written down about mail.'),
  drain: z
    .strictObject({
      timeout: duration()
        .default('10m')
        .describe(
          'How long a stopping pod waits for sessions and deliveries that are under way. Shorter than 10m, a next hop that is slow to give its final reply may get a message twice.',
        ),
    })
    .prefault({})
    .describe('How a pod stops.'),
  attachment: mapList(grant, ['name'], 64)
    .default([])
    .describe(
      'Which other namespaces may attach which kinds, and for which domains. The namespace of the MTA always may.',
    ),
});

const status = z.strictObject({
  observedGeneration: observedGeneration(),
  conditions: conditions().optional().describe('What is the case with the fleet as a whole.'),
  replicas: z.int().nonnegative().optional().describe('Pods that exist.'),
  readyReplicas: z.int().nonnegative().optional().describe('Pods that serve.'),
  selector: z.string().max(1024).optional().describe('Label selector of the pods, for autoscalers.'),
  revision: z
    .int()
    .nonnegative()
    .optional()
    .describe('Lowest config revision that serving pods have reported as loaded.'),
  queue: z
    .strictObject({
      messages: z.int().nonnegative().optional().describe('Messages in the queue.'),
      deferred: z.int().nonnegative().optional().describe('Recipients that wait for another attempt.'),
      oldest: dateTime().optional().describe('When the oldest message arrived.'),
    })
    .optional()
    .describe('The queue of all pods together.'),
  attached: z
    .strictObject({
      domains: z.int().nonnegative().optional().describe('MailDomains that are part of the config.'),
      relays: z.int().nonnegative().optional().describe('MailRelays that are part of the config.'),
      policies: z.int().nonnegative().optional().describe('MailTLSPolicies that are part of the config.'),
      users: z.int().nonnegative().optional().describe('MailUsers that are part of the config.'),
    })
    .optional()
    .describe('Counts of what is attached and accepted.'),
});

export const mta = {
  kind: 'MTA',
  plural: 'mtas',
  shortName: 'mta',
  description:
    'A fleet of mail servers: what they listen on, where their shared queue is, how they deliver, and who may attach domains, relays, policies and users to them.',
  spec,
  status,
  // Pods are named after it, and a pod's name with its ordinal is a DNS label.
  maxNameLength: 52,
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  columns: [
    { name: 'Replicas', type: 'integer', jsonPath: '.status.replicas', description: 'Pods that exist.' },
    { name: 'Serving', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Pods that serve.' },
    {
      name: 'Queue',
      type: 'integer',
      jsonPath: '.status.queue.messages',
      description: 'Messages in the queue.',
    },
    {
      name: 'Oldest',
      type: 'date',
      jsonPath: '.status.queue.oldest',
      description: 'Age of the oldest message in the queue.',
    },
    {
      name: 'Deferred',
      type: 'integer',
      jsonPath: '.status.queue.deferred',
      description: 'Recipients that wait for another attempt.',
      wide: true,
    },
    {
      name: 'Programmed',
      type: 'integer',
      jsonPath: '.status.conditions[?(@.type=="Programmed")].observedGeneration',
      description: 'Generation that every serving pod has loaded.',
    },
    conditionColumn('Ready', 'Whether the fleet works as it was asked to.'),
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is ready, or why not.',
    },
    {
      name: 'Hostname',
      type: 'string',
      jsonPath: '.spec.hostname',
      description: 'Name of the fleet.',
      wide: true,
    },
    {
      name: 'Storage',
      type: 'string',
      jsonPath: '.spec.storage.mode',
      description: 'Storage mode.',
      wide: true,
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'What to do.',
      wide: true,
    },
    ageColumn,
  ],
} as const satisfies Kind;

export type MtaSpec = z.output<typeof spec>;
