/** MTA: a fleet of mail servers that share one queue. Written by the platform team. */
import { z } from 'zod';
import { address, domainName, duration, objectName, quantity } from './fields.ts';
import { ageColumn, conditionColumn, type Kind, programmedColumn } from './kind.ts';
import { grant } from './mta-attachment.ts';
import { delivery } from './mta-delivery.ts';
import { egress } from './mta-egress.ts';
import { limitsOf } from './mta-limits.ts';
import { listener } from './mta-listener.ts';
import { metrics } from './mta-metrics.ts';
import { image, podTemplate, resources } from './mta-pod.ts';
import { service } from './mta-service.ts';
import { tlsReports } from './mta-tls-reports.ts';
import { web } from './mta-web.ts';
import { atomicList, immutable, mapList, withRules } from './rules.ts';
import { conditions, dateTime, dnsRecords, observedGeneration, programmedGeneration } from './status.ts';

const storage = z.strictObject({
  mode: immutable(
    z.enum(['Shared', 'PerReplica']),
    'the storage mode of a fleet can not be changed: make a second MTA and move its traffic',
  )
    .default('Shared')
    .describe(
      'Shared: one ReadWriteMany volume for all pods; mail of a dead pod is taken over within seconds. PerReplica: a ReadWriteOnce volume for each pod, which is emptied to its peers before it goes; mail of a dead pod waits for its volume to come back. Immutable.',
    ),
  size: quantity().default('10Gi').describe('Size of each volume that is requested. Cluster only.'),
  storageClassName: objectName()
    .optional()
    .describe("StorageClass of the volumes; the cluster's default where absent. Cluster only."),
  leaseTerm: duration()
    .default('10s')
    .describe(
      'How long a pod may be silent before the others take its mail over. A change replaces the pods, one after the other.',
    ),
  inlineMessageSize: quantity()
    .default('256Ki')
    .describe(
      'Messages up to this size are kept in the journal itself, larger ones in a file each. A change replaces the pods, one after the other.',
    ),
  segmentSize: quantity()
    .default('64Mi')
    .describe(
      'Size at which the journal goes on in a new file. A change replaces the pods, one after the other.',
    ),
  minFree: quantity()
    .default('256Mi')
    .describe(
      'Free space below which new mail is answered 452 4.3.1, until there is more. A change replaces the pods, one after the other.',
    ),
});

const shape = z.strictObject({
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
    .strictObject(limitsOf('fleet'))
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
      validates: z
        .boolean()
        .default(false)
        .describe(
          'The servers check DNSSEC, and what they say of it is believed: MailTLSPolicies of mode DANE then have something to go by, and those of mode Opportunistic ask no less of a host than its TLSA records do. They must be on loopback, such as a sidecar with unbound: whoever could answer in their place could vouch for anybody.',
        ),
      timeout: duration()
        .default('5s')
        .describe('How long one lookup may take before it counts as failed and the message is tried later.'),
    })
    .prefault({})
    .describe('How names are looked up.'),
  egress: egress.prefault({}).describe('Where mail may be sent to, and as whom.'),
  tlsReports: tlsReports
    .prefault({})
    .describe('Reports to the domains that mail goes to, of how TLS with their hosts went (RFC 8460).'),
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
  deletionPolicy: z
    .enum(['Deliver', 'KeepVolumes', 'Discard'])
    .default('Deliver')
    .describe(
      'What becomes of the mail when the MTA is deleted. Deliver: new mail is refused, and the MTA stays until all that it holds is delivered or has bounced; then its volumes go too. KeepVolumes: its pods stop, and the volumes stay with the mail, for an MTA of the same name. Discard: the mail is lost with the volumes. May be changed while the MTA waits to be deleted. Cluster only.',
    ),
  attachment: mapList(grant, ['name'], 64)
    .default([])
    .describe(
      'Which other namespaces may attach which kinds, and for which domains. The namespace of the MTA always may.',
    ),
  services: mapList(service, ['name'], 8)
    .default([])
    .describe(
      'Services at which the listeners are reached. Where empty, there is one of type ClusterIP with all of them, called as the MTA. Cluster only.',
    ),
  web: web
    .optional()
    .describe(
      'Publish the MTA-STS policies of domains by HTTPS (RFC 8461), for MailDomains that have mtaSts. No such port where absent.',
    ),
  maxUnavailable: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe(
      'Pods that may be taken away at once for upkeep, such as the drain of a node (PodDisruptionBudget). Cluster only.',
    ),
  image: image.prefault({}).describe('Image of the pods. Cluster only.'),
  resources: resources.prefault({}).describe('CPU and memory of the container of the mta. Cluster only.'),
  podTemplate: podTemplate
    .prefault({})
    .describe(
      'What pods are to have besides, merged over what the operator gives them. What would break the promises of the queue is refused: Accepted says what. Cluster only.',
    ),
  metrics: metrics.prefault({}).describe('Who reads the metrics, and how. Cluster only.'),
});

const spec = withRules(shape, [
  {
    rule: "!self.dns.validates || (size(self.dns.servers) > 0 && self.dns.servers.all(s, s.startsWith('127.') || s.startsWith('[::1]')))",
    message:
      'dns.validates needs dns.servers on loopback, and no others: name [127.0.0.1], where a sidecar such as unbound listens',
    fieldPath: '.dns.servers',
    holds: ({ dns }) =>
      !dns.validates ||
      (dns.servers.length > 0 && dns.servers.every((server) => /^(127\.|\[::1\])/.test(server))),
  },
  {
    rule: 'self.services.all(s, s.listeners.all(l, self.listeners.exists(n, n.name == l.name)))',
    message: 'services name a listener that is not in listeners: correct its name, or add the listener',
    fieldPath: '.services',
    holds: ({ services, listeners }) => {
      const names = new Set(listeners.map(({ name }) => name));
      return services.every((service) => service.listeners.every(({ name }) => names.has(name)));
    },
  },
  {
    rule: "self.services.all(s, s.listeners.all(l, !has(l.port) || l.port != 25 || self.listeners.all(n, n.name != l.name || n.role != 'LMTP')))",
    message:
      'a Service must not have LMTP on port 25, which is for SMTP (RFC 2033): give it another port, or leave it out for 24',
    fieldPath: '.services',
    holds: ({ services, listeners }) => {
      const lmtp = new Set(listeners.filter(({ role }) => role === 'LMTP').map(({ name }) => name));
      return services.every((service) =>
        service.listeners.every(({ name, port }) => port !== 25 || !lmtp.has(name)),
      );
    },
  },
]);

const status = z.strictObject({
  observedGeneration: observedGeneration(),
  programmedGeneration: programmedGeneration(),
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
      held: z.int().nonnegative().optional().describe('Recipients that wait until a person releases them.'),
      oldest: dateTime()
        .optional()
        .describe('When the oldest message arrived; absent where none has waited for a minute.'),
    })
    .optional()
    .describe(
      'The queue of all pods together. With mail flowing it is some 30 s behind, small changes up to 5 minutes.',
    ),
  records: dnsRecords(
    'TLSA records to publish, all of them and no others: of the keys that listeners with tls.dane show, of those that they will, and of those that they did until just now.',
  ),
  attached: z
    .strictObject({
      domains: z.int().nonnegative().optional().describe('MailDomains that are part of the config.'),
      relays: z.int().nonnegative().optional().describe('MailRelays that are part of the config.'),
      policies: z.int().nonnegative().optional().describe('MailTLSPolicies that are part of the config.'),
      users: z.int().nonnegative().optional().describe('MailUsers that are part of the config.'),
      refused: z
        .int()
        .nonnegative()
        .optional()
        .describe('Resources of any kind that name this MTA and are not accepted: see their conditions.'),
      unresolved: z
        .int()
        .nonnegative()
        .optional()
        .describe('Resources that lack something that they name, such as a Secret.'),
    })
    .optional()
    .describe('Counts of what is attached.'),
});

export const mta = {
  kind: 'MTA',
  plural: 'mtas',
  shortName: 'mta',
  description:
    'A fleet of mail servers: what they listen on, where their shared queue is, how they deliver, and who may attach domains, relays, policies and users to them.',
  spec,
  status,
  // A Service's name is a DNS label that begins with a letter, and so is that of a pod, with its ordinal.
  nameRule: {
    pattern: '^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$',
    message:
      'the name must begin with a letter, have no dots and not be longer than 52 characters: pods and Services are named after it',
  },
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
    programmedColumn,
    conditionColumn('Ready', 'Whether the fleet works as it was asked to.'),
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is ready, or why not.',
    },
    conditionColumn('QueueHealthy', 'Whether mail waits too long, is damaged, or finds no room.', true),
    {
      name: 'Refused',
      type: 'integer',
      jsonPath: '.status.attached.refused',
      description: 'Resources that name this MTA and are not accepted.',
      wide: true,
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
