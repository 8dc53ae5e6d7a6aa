/** The parts of the config that the MTA itself brings: listeners, queue, delivery, limits. */
import { reasons } from '../../crds/conditions.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { AUTH_IS_LEFT_OUT } from '../../crds/mta-listener.ts';
import { parseDuration, parseQuantity } from '../../crds/units.ts';
import {
  CONFIG_VERSION,
  type Limits,
  type Listener,
  type MtaConfig,
  mtaConfigSchema,
} from '../../mta/config.ts';
import type { KeyRollover } from './key-rollover.ts';
import { buildListenerTls } from './listener-tls.ts';
import { addressPattern, domainName } from './names.ts';
import { checkPodTemplate } from './pod-template.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import type { Secrets } from './secrets.ts';
import type { TlsPolicies } from './tls-policies.ts';
import type { CompileInput, Environment } from './types.ts';

type Fleet = Omit<MtaConfig, 'domains' | 'relays' | 'tlsPolicies' | 'users' | 'secrets' | 'resources'>;
type ListenerSpec = MtaSpec['listeners'][number];

/** What the parts of one compile share. */
interface Context {
  readonly policies: TlsPolicies;
  readonly secrets: Secrets;
  readonly rollover: KeyRollover;
  readonly report: Report;
}

/** Undefined after the reasons were reported. */
export function buildFleet(mta: Resource<MtaSpec>, input: CompileInput, context: Context): Fleet | undefined {
  const { policies, secrets, report } = context;
  const { spec, ref } = mta;
  const { environment } = input;
  const hostname = domainName(spec.hostname);
  if (hostname === undefined) {
    report.refuse(
      ref,
      reasons.Invalid,
      `spec.hostname: ${spec.hostname} is not a domain name`,
      'spec.hostname',
    );
  }
  const postmaster =
    spec.postmaster === undefined ? `postmaster@${hostname}` : addressPattern(spec.postmaster);
  if (postmaster === undefined) {
    report.refuse(
      ref,
      reasons.Invalid,
      `spec.postmaster: ${spec.postmaster} is not an address`,
      'spec.postmaster',
    );
  }
  const listeners = spec.listeners.map((listener, index) =>
    buildListener(mta, listener, index, environment, context),
  );
  checkPorts(mta, environment, report);
  checkPodTemplate(mta, report);
  const egress = buildEgress(mta, report);
  const tlsReports = buildTlsReports(mta, hostname, postmaster, report);
  if (hostname === undefined || postmaster === undefined) return undefined;
  if (report.isRefused(ref) || report.isUnresolved(ref)) return undefined;
  return {
    version: CONFIG_VERSION,
    revision: input.revision,
    fleet: { namespace: ref.namespace, name: ref.name, hostname, postmaster },
    workers: spec.workers,
    drainSeconds: parseDuration(spec.drain.timeout),
    listeners: listeners as Listener[],
    health: environment.health,
    control: buildControl(mta, environment.control, secrets),
    ...(environment.peers !== undefined && { peers: buildPeers(environment.peers) }),
    ...(spec.web !== undefined && {
      web: { address: environment.listenAddress, port: webPortOf(spec.web, environment) },
    }),
    queue: {
      mode: spec.storage.mode,
      path: environment.queuePath,
      initialize: true,
      leaseTermSeconds: parseDuration(spec.storage.leaseTerm),
      inlineBodyBytes: parseQuantity(spec.storage.inlineMessageSize),
      segmentBytes: parseQuantity(spec.storage.segmentSize),
      minFreeBytes: parseQuantity(spec.storage.minFree),
    },
    log: {
      level: spec.log.level,
      redactAddresses: spec.log.redactAddresses,
      historyPath: environment.historyPath,
      historyDays: spec.log.historyDays,
    },
    delivery: buildDelivery(spec.delivery, policies.defaultName, environment),
    resolver: {
      servers: spec.dns.servers.map(withPort),
      timeoutSeconds: parseDuration(spec.dns.timeout),
      ...(spec.dns.validates && { validates: true }),
    },
    egress,
    ...(tlsReports !== undefined && { tlsReports }),
  };
}

function buildEgress({ ref, spec }: Resource<MtaSpec>, report: Report): MtaConfig['egress'] {
  const { allow, hostname, sourceNetworks } = spec.egress;
  const lower = hostname?.toLowerCase();
  // With the longest that a pod may be called.
  const longest = lower?.replaceAll('{pod}', `${ref.name}-999`).replaceAll('{ordinal}', '999');
  if (longest !== undefined && domainName(longest) === undefined) {
    report.refuse(
      ref,
      reasons.Invalid,
      `spec.egress.hostname: ${hostname} is not a domain name, with ${longest} for the thousandth pod`,
      'spec.egress.hostname',
    );
  }
  return {
    allow,
    ...(lower !== undefined && { hostname: lower }),
    ...(sourceNetworks.length > 0 && { sourceNetworks }),
  };
}

/** Undefined where none are sent, or the reasons were reported. */
function buildTlsReports(
  { ref, spec }: Resource<MtaSpec>,
  hostname: string | undefined,
  postmaster: string | undefined,
  report: Report,
): MtaConfig['tlsReports'] {
  const { send, organization = hostname } = spec.tlsReports;
  const contact =
    spec.tlsReports.contact === undefined ? postmaster : addressPattern(spec.tlsReports.contact);
  if (!send || organization === undefined) return undefined;
  const { success, data } = mtaConfigSchema.shape.tlsReports.safeParse({ organization, contact });
  if (success) return data;
  report.refuse(
    ref,
    reasons.Invalid,
    `spec.tlsReports.contact: ${spec.tlsReports.contact ?? postmaster} is not an address in ASCII, as reports need it: name another one`,
    'spec.tlsReports.contact',
  );
  return undefined;
}

function buildControl(
  { id }: Resource<MtaSpec>,
  { token, ...place }: Environment['control'],
  secrets: Secrets,
): MtaConfig['control'] {
  if (token === undefined) return { access: 'certificate', ...place };
  return { access: 'token', ...place, token: secrets.use(`${id}/control-token`, token) };
}

const buildPeers = ({ address, port, name }: NonNullable<Environment['peers']>): MtaConfig['peers'] => ({
  ...{ address, port },
  members: { source: 'dns', name, port },
});

const ROLES = { SMTP: 'smtp', Submission: 'submission', LMTP: 'lmtp', ODMR: 'odmr' } as const;

function buildListener(
  mta: Resource<MtaSpec>,
  listener: ListenerSpec,
  index: number,
  environment: Environment,
  context: Context,
): Listener | undefined {
  const { report } = context;
  const path = `spec.listeners[${index}]`;
  const hostname = listener.hostname === undefined ? undefined : domainName(listener.hostname);
  if (listener.hostname !== undefined && hostname === undefined) {
    report.refuse(
      mta.ref,
      reasons.Invalid,
      `${path}.hostname: ${listener.hostname} is not a domain name`,
      `${path}.hostname`,
    );
  }
  const tls = buildListenerTls(listener, path, environment, { mta, ...context });
  if (tls === undefined) return undefined;
  const auth = listener.auth.mode ?? (AUTH_IS_LEFT_OUT.has(listener.role) ? 'None' : 'Required');
  return {
    name: listener.name,
    role: ROLES[listener.role],
    address: environment.listenAddress,
    port: portOf(listener, environment),
    tls,
    auth: {
      offered: auth !== 'None',
      required: auth === 'Required',
      allowWithoutTls: listener.auth.allowWithoutTLS,
    },
    relayFrom: listener.relayFrom,
    ...(listener.proxyProtocol && { proxyProtocol: { from: listener.proxyProtocol.from } }),
    ...(listener.xclient && { xclient: { from: listener.xclient.from } }),
    ...(listener.xforward && { xforward: { from: listener.xforward.from } }),
    ...(listener.maxPriority > 0 && { maxPriority: listener.maxPriority }),
    ...(listener.futureRelease && {
      futureRelease: { maxSeconds: Math.floor(parseDuration(listener.futureRelease.max)) },
    }),
    ...(hostname !== undefined && { hostname }),
    limits: buildLimits({ ...mta.spec.limits, ...defined(listener.limits) }),
  };
}

const portOf = ({ name, port }: ListenerSpec, environment: Environment): number =>
  environment.listenerPorts?.[name] ?? port;

const webPortOf = ({ port }: NonNullable<MtaSpec['web']>, { webPort }: Environment): number =>
  webPort ?? port;

function checkPorts({ ref, spec }: Resource<MtaSpec>, environment: Environment, report: Report): void {
  const taken = new Map([
    [environment.health.port, 'the health port'],
    [environment.control.port, 'the control port'],
    ...(environment.peers === undefined ? [] : [[environment.peers.port, 'the fleet channel'] as const]),
  ]);
  const wanted = [
    ...spec.listeners.map((listener, index) => ({
      ...{ who: `listener ${listener.name}`, port: portOf(listener, environment) },
      path: `spec.listeners[${index}].port`,
    })),
    ...(spec.web === undefined
      ? []
      : [{ who: 'the web port', port: webPortOf(spec.web, environment), path: 'spec.web.port' }]),
  ];
  for (const { who, port, path } of wanted) {
    const other = taken.get(port);
    if (other === undefined) taken.set(port, who);
    else {
      report.refuse(
        ref,
        reasons.PortConflict,
        `${path}: ${who} has port ${port}, which ${other} has already: choose another one`,
        path,
      );
    }
  }
}

function buildLimits(limits: MtaSpec['limits']): Limits {
  const { messageSize, sessionDuration, sessionSize, ...counts } = limits;
  return {
    ...counts,
    messageSize: parseQuantity(messageSize),
    sessionSeconds: parseDuration(sessionDuration),
    sessionBytes: parseQuantity(sessionSize),
  };
}

function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function buildDelivery(
  spec: MtaSpec['delivery'],
  defaultTls: string,
  environment: Environment,
): MtaConfig['delivery'] {
  return {
    retry: {
      initialSeconds: parseDuration(spec.retry.initial),
      factor: spec.retry.factor,
      maxSeconds: parseDuration(spec.retry.max),
      jitter: spec.retry.jitterPercent / 100,
    },
    lifetimeSeconds: parseDuration(spec.lifetime),
    bounceLifetimeSeconds: parseDuration(spec.bounceLifetime),
    delayWarningSeconds: parseDuration(spec.delayWarning),
    connectionsPerDestination: spec.connectionsPerDestination,
    messagesPerConnection: spec.messagesPerConnection,
    idleConnectionSeconds: parseDuration(spec.idleConnection),
    mxPort: environment.mxPort ?? 25,
    addressFamilies: spec.addressFamilies.map((family) => (family === 'IPv4' ? 'ipv4' : 'ipv6')),
    defaultTls,
    timeouts: {
      connect: parseDuration(spec.timeouts.connect),
      greeting: parseDuration(spec.timeouts.greeting),
      command: parseDuration(spec.timeouts.command),
      dataBlock: parseDuration(spec.timeouts.dataBlock),
      finalReply: parseDuration(spec.timeouts.finalReply),
    },
  };
}

/** `192.0.2.53` is port 53 of it. */
const withPort = (server: string): string => (/^\[.*\]:|^[^[\]:]+:/.test(server) ? server : `${server}:53`);
