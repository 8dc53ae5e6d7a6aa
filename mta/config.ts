/**
 * The contract between operator and mta: the one document that an mta needs to start, and to serve while the
 * operator is away. The writer parses it before writing, the reader before loading; unknown fields are refused.
 *
 * Units: durations are in seconds, sizes in bytes, times in ISO 8601, unless a name says otherwise.
 * Key material stands in `secrets` alone and is named from elsewhere by its id, so that a writer can keep the
 * two halves in different places (a ConfigMap and a Secret).
 */
import { z } from 'zod';
import { peersSchema } from './config-peers.ts';
import { listenerTlsSchema, secretId, tlsVersion } from './config-tls.ts';
import { tlsReportsSchema, tlsRptSchema } from './config-tls-rpt.ts';
import { publishedPolicySchema, webSchema } from './config-web.ts';

/** The version of this document that this program writes, and the newest that it reads. */
export const CONFIG_VERSION = 1;
/** All that it reads: from the second one on, the one before too, so that a fleet can be upgraded pod by pod. */
export const READABLE_VERSIONS: readonly number[] = [CONFIG_VERSION];

const seconds = z.number().nonnegative();
const bytes = z.int().nonnegative();
const count = z.int().positive();
const port = z.int().min(1).max(65535);
/** `10.0.0.0/8`, `::1/128`, or a bare address. */
const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);
/** An A-label domain in lower case without a trailing dot: compile has normalised it. */
const domainName = z.string().min(1).max(253);
/** The resource that brought a part of the config: `MailDomain/mail/example.test`. For messages and metrics only. */
const resourceRef = z.string().min(1);

/**
 * Why this part can't be used just now: a Secret that it names is missing. What it would carry is deferred with 4.3.5
 * and this text, as without it the mail would go another way than was asked, or less protected.
 */
const unavailable = z.string().min(1).optional();

export const limitsSchema = z.strictObject({
  /** The largest message taken, in bytes as sent (RFC 1870); announced by SIZE. 0 is any. */
  messageSize: bytes,
  /** Recipients of one transaction; RFC 5321 §4.5.3.1.8 asks for at least 100. */
  recipients: count,
  /** Transactions of one session; the next MAIL is answered 421 4.7.0. */
  transactionsPerSession: count,
  /** Commands answered 4xx or 5xx on one session before it is closed with 421 4.7.0. */
  errorsPerSession: count,
  /** RSET, NOOP, HELP, VRFY, EXPN and repeated EHLO, counted between two accepted messages. */
  idleCommandsPerSession: count,
  /** Failed AUTH attempts on one session before it is closed. */
  authFailuresPerSession: count,
  /** How long one session may last; 0 is any time. */
  sessionSeconds: seconds,
  /** Bytes that one session may send in all; 0 is any number. */
  sessionBytes: bytes,
  connections: count,
  connectionsPerAddress: count,
  /** Longest text line in bytes, CRLF included; RFC 5321 §4.5.3.1.6 says 1000, a longer one is refused with 5.6.0. */
  lineLength: count,
  /** Received fields at which a message is taken to be looping (RFC 5321 §6.3). */
  hops: count,
  /** Slowest acceptable pace of DATA, bytes per second over a minute; 0 is any. */
  minDataRate: bytes,
});
export type Limits = z.infer<typeof limitsSchema>;

const listenerFields = z.strictObject({
  name: z.string().min(1),
  /**
   * `smtp` takes mail for our domains from anyone; `submission` takes mail from authenticated users (RFC 6409); `lmtp` is as `smtp`,
   * and answers for each recipient (RFC 2033); `odmr` takes none, and gives authenticated users what waits for their domains
   * (RFC 2645).
   */
  role: z.enum(['smtp', 'submission', 'lmtp', 'odmr']),
  address: z.union([z.ipv4(), z.ipv6()]),
  port,
  tls: listenerTlsSchema,
  auth: z.strictObject({
    /** Whether AUTH is offered at all. */
    offered: z.boolean(),
    /** MAIL is refused with 530 5.7.0 from a client that has not authenticated. */
    required: z.boolean(),
    /** AUTH is offered without TLS too: for loopback listeners. */
    allowWithoutTls: z.boolean(),
  }),
  /** Client networks that may relay to any domain without AUTH. Empty is default deny. */
  relayFrom: z.array(cidr),
  /** Load balancers whose connections begin with a PROXY header; from others there is none. */
  proxyProtocol: z.strictObject({ from: z.array(cidr).min(1) }).optional(),
  /** Peers that may speak in the place of other clients (XCLIENT), and such as may say where mail came from (XFORWARD). */
  xclient: z.strictObject({ from: z.array(cidr).min(1) }).optional(),
  xforward: z.strictObject({ from: z.array(cidr).min(1) }).optional(),
  /** How long users may have their mail held before it is sent (RFC 4865); not offered where absent. */
  futureRelease: z.strictObject({ maxSeconds: z.int().min(1).max(999_999_999) }).optional(),
  /** The highest priority that users and `relayFrom` may ask for (RFC 6710 §4.1); 0 where absent. */
  maxPriority: z.int().min(1).max(9).optional(),
  /** Advertised in the greeting and in Received; the fleet's hostname where absent. */
  hostname: domainName.optional(),
  limits: limitsSchema,
});
// RFC 2033 §5
export const listenerSchema = listenerFields.refine(({ role, port }) => role !== 'lmtp' || port !== 25, {
  error: 'LMTP must not be used on port 25, which is for SMTP (RFC 2033): choose another one, such as 24',
  path: ['port'],
});
export type Listener = z.infer<typeof listenerSchema>;

const hostPort = z.strictObject({
  /** Domain name or address literal without brackets. */
  host: z.string().min(1),
  port,
});

export const tlsPolicySchema = z.strictObject({
  resource: resourceRef.optional(),
  name: z.string().min(1),
  /**
   * `none`: never; `opportunistic`: STARTTLS where offered, unverified, clear text after a failed handshake where
   * `fallbackToClear`; `required`: no clear text, unverified; `verified`: no clear text, chain and name checked;
   * `pinned`: no clear text, one of the keys in `pins`; `dane`: no clear text, authenticated by TLSA records (RFC 7672 §6).
   * `mtaSts`: by the domain's MTA-STS policy, else as `opportunistic`; both follow TLSA records where a resolver validates.
   * `daneOrMtaSts`: as `dane`, or, of hosts without TLSA records that count, by an MTA-STS policy that is enforced.
   */
  mode: z.enum(['none', 'opportunistic', 'required', 'verified', 'pinned', 'dane', 'mtaSts', 'daneOrMtaSts']),
  fallbackToClear: z.boolean(),
  minVersion: tlsVersion,
  /** PEM bundle for `verified`; the system's roots where absent. */
  ca: secretId.optional(),
  /** All mail is sent as if its sender had asked for REQUIRETLS (RFC 8689). */
  requireTls: z.boolean().optional(),
  /** For `pinned`: SHA-256 digests of public keys (SubjectPublicKeyInfo), in base64. */
  pins: z.array(z.string()).min(1).optional(),
  /** Recipient domains that this policy is for: `example.org`, `*.example.org` or `*`. */
  destinations: z.array(z.string()),
  unavailable,
});
export type TlsPolicy = z.infer<typeof tlsPolicySchema>;

/** Mail that waits until its owner asks for it. */
const holdSchema = z.strictObject({
  type: z.literal('hold'),
  /** How long it waits, from its arrival. */
  maxAgeSeconds: seconds,
  /** Client networks that may start its delivery by ETRN (RFC 1985). */
  etrnFrom: z.array(cidr),
  /** Users who may do so too, and who may fetch it by ATRN (RFC 2645). */
  users: z.array(z.string()),
  /** Where ETRN sends it; the domain's MX hosts that are preferred to us where empty. */
  hosts: z.array(hostPort),
  tls: z.string().optional(),
});
export type Hold = z.infer<typeof holdSchema>;

/** How https is done where a webhook names no policy: compile holds it against the floor of the fleet. */
export const HTTPS: TlsPolicy = {
  name: 'https',
  mode: 'verified',
  fallbackToClear: false,
  minVersion: 'TLSv1.2',
  destinations: [],
};

/** Messages are posted to `url` (docs/webhook.md); `tls` is for authorities and versions: https is verified in any case. */
const webhook = z.strictObject({
  type: z.literal('webhook'),
  url: z.url({ protocol: /^https?$/ }),
  /** Keys that requests are signed with, one on each line: `whsec_` and base64. */
  signingKeys: secretId,
  tls: z.string().optional(),
  unavailable,
});
export type WebhookTarget = z.infer<typeof webhook>;

const target = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('lmtp'), hosts: z.array(hostPort).min(1), tls: z.string().optional() }),
  z.strictObject({ type: z.literal('smtp'), hosts: z.array(hostPort).min(1), tls: z.string().optional() }),
  holdSchema,
  webhook,
]);

export const domainSchema = z.strictObject({
  resource: resourceRef,
  domain: domainName,
  /** Other names of the same domain: mail for them is taken and delivered as it is addressed. */
  aliases: z.array(domainName),
  /** Where accepted mail goes. `tls` names a policy in `tlsPolicies`. */
  target,
  /** Its target may be a loopback, link-local or cluster address: the resource stands in the fleet's own namespace. */
  trusted: z.boolean(),
  recipients: z.strictObject({
    /** `any`: every local part; `list`: those of `list`, everything else gets 550 5.1.1 at RCPT. */
    mode: z.enum(['any', 'list']),
    /** Local parts, compared without regard to case. `postmaster` need not be listed (RFC 5321 §4.5.1). */
    list: z.array(z.string()),
    /** `+`: `anna+lists` is `anna` for the comparison, and delivered as it was addressed. */
    subaddressDelimiter: z.string().max(1).optional(),
  }),
  messageSize: bytes.optional(),
  /** MTA-STS (RFC 8461); not published where absent. */
  mtaSts: publishedPolicySchema.optional(),
  /** Reports about TLS with this domain are counted (RFC 8460); absent where it asks for none. */
  tlsRpt: tlsRptSchema.optional(),
});
export type Domain = z.infer<typeof domainSchema>;

export const relaySchema = z.strictObject({
  resource: resourceRef,
  /** `namespace/name`. */
  name: z.string().min(1),
  /** All lists that are not empty must match. `recipientDomains: ['*']` is everything that is not ours. */
  match: z.strictObject({
    recipientDomains: z.array(z.string()),
    senderDomains: z.array(z.string()),
    users: z.array(z.string()),
  }),
  /** Hosts with weights: tried in the order of a weighted shuffle. `mx`: the name's MX hosts are looked up. */
  hosts: z
    .array(z.strictObject({ host: z.string().min(1), port, weight: count, lookupMx: z.boolean() }))
    .min(1),
  /** As in a domain. */
  trusted: z.boolean(),
  implicitTls: z.boolean(),
  /** Name in `tlsPolicies`; the default policy where absent. */
  tls: z.string().optional(),
  auth: z.strictObject({ username: z.string().min(1), password: secretId }).optional(),
  rewrite: z.strictObject({
    /** Replaces the reverse-path of mail whose sender domain matches (never the null reverse-path). */
    envelopeFrom: z.array(z.strictObject({ from: z.string().min(1), to: z.string().min(1) })),
    /** Replaces the address in the From header field, keeping the display name. */
    headerFrom: z.array(z.strictObject({ from: z.string().min(1), to: z.string().min(1) })),
  }),
  /** Connections and rate are the whole fleet's. */
  limits: z.strictObject({
    connections: count,
    messagesPerConnection: count,
    rate: z.strictObject({ messages: count, seconds: z.number().positive() }).optional(),
  }),
  unavailable,
});
export type Relay = z.infer<typeof relaySchema>;

export const userSchema = z.strictObject({
  resource: resourceRef,
  /** The name to authenticate with. */
  username: z.string().min(1),
  /** PHC string of scrypt: `$scrypt$ln=15,r=8,p=1$salt$hash`. Never a password. */
  verifier: secretId,
  /** What it may send as: `anna@example.test`, `*@example.test`. */
  senders: z.array(z.string()).min(1),
  limits: z.strictObject({ messageSize: bytes.optional(), recipients: count.optional() }),
});
export type User = z.infer<typeof userSchema>;

export const deliverySchema = z.strictObject({
  retry: z.strictObject({
    /** First wait, growth factor, and longest wait; each wait is jittered by ±`jitter` (0 to 1). */
    initialSeconds: seconds,
    factor: z.number().min(1),
    maxSeconds: seconds,
    jitter: z.number().min(0).max(1),
  }),
  /** RFC 5321 §4.5.4.1 asks for 4 to 5 days. */
  lifetimeSeconds: seconds,
  /** Lifetime of mail with the null reverse-path. */
  bounceLifetimeSeconds: seconds,
  /** A delay warning is sent once after this long; 0 is never. */
  delayWarningSeconds: seconds,
  /** Of the whole fleet. */
  connectionsPerDestination: count,
  messagesPerConnection: count,
  idleConnectionSeconds: seconds,
  /** Port of MX hosts: 25, but for tests. */
  mxPort: port,
  addressFamilies: z.array(z.enum(['ipv4', 'ipv6'])).min(1),
  /** Name in `tlsPolicies` for what no policy names. */
  defaultTls: z.string().min(1),
  /** RFC 5321 §4.5.3.2; `finalReply` is the 10 minutes of §4.5.3.2.6. */
  timeouts: z.strictObject({
    connect: seconds,
    greeting: seconds,
    command: seconds,
    dataBlock: seconds,
    finalReply: seconds,
  }),
});
export type Delivery = z.infer<typeof deliverySchema>;

export const queueSchema = z.strictObject({
  /** `Shared`: lanes of all pods in one folder; `PerReplica`: one folder per pod. */
  mode: z.enum(['Shared', 'PerReplica']),
  /** Folder of the queue. */
  path: z.string().min(1),
  /**
   * Whether a folder without a queue is made one. False where there is one already: an empty folder is then a volume
   * that isn't mounted, which is waited for.
   */
  initialize: z.boolean(),
  /** A lease that has not been renewed for this long may be claimed. */
  leaseTermSeconds: z.number().positive(),
  /** Bodies above this go to files of their own. */
  inlineBodyBytes: bytes,
  segmentBytes: count,
  /** Accepting stops below this much free space (452 4.3.1). */
  minFreeBytes: bytes,
});
export type QueueConfig = z.infer<typeof queueSchema>;

export const logSchema = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error']),
  /** Local parts in the mail log are replaced by a keyed hash. */
  redactAddresses: z.boolean(),
  /** Folder of the history of ended recipients, and for how many days it can be searched; 0 is none. */
  historyPath: z.string().min(1),
  historyDays: z.number().nonnegative(),
});

export const mtaConfigSchema = z.strictObject({
  version: z.literal(CONFIG_VERSION),
  /** Monotonic; what a pod reports as loaded. */
  revision: z.int().nonnegative(),
  /** Of this very document: one of the same revision that somebody else has written has another. */
  id: z.string().min(1).optional(),
  /** Resources that this document holds, and the generation of each: what `Programmed` is proved with. */
  resources: z.record(resourceRef, z.int().nonnegative()),
  fleet: z.strictObject({
    namespace: z.string().min(1),
    name: z.string().min(1),
    /** HELO name where `egress` has none; name in Received and in reports. */
    hostname: domainName,
    /** Where `postmaster` without a domain, and reports of ours, belong. */
    postmaster: z.string().min(1),
  }),
  workers: count,
  /** Bounded wait for sessions and deliveries in flight after SIGTERM. */
  drainSeconds: seconds,
  listeners: z.array(listenerSchema),
  health: z.strictObject({ address: z.string(), port }),
  control: z.discriminatedUnion('access', [
    /** Local mode: loopback, a bearer token, and a check of the Host header. */
    z.strictObject({ access: z.literal('token'), address: z.string(), port, token: secretId }),
    /** In a cluster: TLS, for who has a certificate of the fleet's authority that says it is an operator of it. */
    z.strictObject({ access: z.literal('certificate'), address: z.string(), port }),
  ]),
  /** Absent where there is nobody else. */
  peers: peersSchema.optional(),
  web: webSchema.optional(),
  queue: queueSchema,
  log: logSchema,
  delivery: deliverySchema,
  resolver: z.strictObject({
    /** `host:port` of recursive resolvers; those of the system where empty. */
    servers: z.array(z.string()),
    timeoutSeconds: seconds,
    /** They check DNSSEC, and nobody is between them and us: their AD bit is believed. Not so where absent. */
    validates: z.boolean().optional(),
  }),
  egress: z.strictObject({
    /**
     * Loopback, link-local, metadata and private addresses that MX records and untrusted resources may lead to;
     * everything of that kind that is not listed is refused after resolution.
     */
    allow: z.array(cidr),
    /**
     * Name in HELO, lower case; the fleet's hostname where absent. `{pod}` stands for the name of the member, `{ordinal}` for the number
     * at its end.
     */
    hostname: domainName.optional(),
    /** Networks that the local address is of, for sessions with MX hosts and relays; any where absent. */
    sourceNetworks: z.array(cidr).min(1).optional(),
  }),
  domains: z.array(domainSchema),
  /** In the order in which they are asked; the first that matches takes the recipient. */
  relays: z.array(relaySchema),
  tlsPolicies: z.array(tlsPolicySchema),
  /** Nothing is counted or sent where absent. */
  tlsReports: tlsReportsSchema.optional(),
  users: z.array(userSchema),
  /** Key material by id: PEM, passwords for relays, verifiers of users, tokens. */
  secrets: z.record(secretId, z.string()),
});
export type MtaConfig = z.infer<typeof mtaConfigSchema>;
export { memberName, type Peers, peersSchema } from './config-peers.ts';
export { type PublishedPolicy, policyHost, REPORTS_PATH, type WebPlace } from './config-web.ts';
