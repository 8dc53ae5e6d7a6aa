/**
 * TLS reports of a worker (RFC 8460): it counts, and the first one of each pod sends what all have counted, by mail through its own queue and
 * by HTTPS, or passes it on to another pod that does. Files lie beside the queue, on its volume. Without `tlsReports` in the config nothing is counted or sent, and what is left of
 * before is removed in time.
 */

import type { Clock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import type { TlsSession } from '../deliver/tls-session.ts';
import type { MemberCalls, MemberName } from '../fleet/types.ts';
import type { Disk } from '../queue/disk.ts';
import type { Random } from '../random.ts';
import type { Report as Message } from '../reports/types.ts';
import { lookupAddresses } from '../route/addresses.ts';
import type { HopContext } from '../route/hops.ts';
import type { FetchEvent } from '../route/sts/policies.ts';
import { within } from '../within.ts';
import { Claims } from './claims.ts';
import { Counter } from './counter.ts';
import { Days, daysPath } from './days.ts';
import { reportMessage } from './message.ts';
import { fetchFailure, resultOf } from './observe.ts';
import { Pool } from './pool.ts';
import { countsPeers } from './pool-calls.ts';
import { postReport } from './post.ts';
import type { Destination } from './record.ts';
import type { Report, Reporter as Who } from './report.ts';
import { Reporter, type SentEvent } from './reporter.ts';
import type { TlsResult } from './tally.ts';

export interface OpenTlsReportsOptions {
  /** Asked anew each time; the folder of the queue stays the same. */
  readonly config: () => MtaConfig;
  readonly context: () => Pick<HopContext, 'resolver' | 'random' | 'families' | 'egress'>;
  /** Of this pod among the members of its fleet. */
  readonly member: MemberName;
  /** How the others are asked. */
  readonly calls: MemberCalls;
  /** Takes a message of our own; resolves when it is on stable storage. */
  readonly originate: (message: Message) => Promise<unknown>;
  /** Whether the wall clock is to be, at this moment. */
  readonly trusted: () => boolean;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  readonly onSent: (kind: SentEvent['kind'], result: SentEvent['result']) => void;
}

export interface TlsReports {
  session(session: TlsSession): void;
  fetched(event: FetchEvent): void;
  /** @param sends of the pod's workers, one does */
  start(sends: boolean): void;
  /** As `Pool.take`: nothing is taken where nobody would report on it. */
  take(day: string, writer: string, counts: Buffer): Promise<boolean>;
  /** Leaves reports to others: those that are under way end at once. Counting, and passing counts on, go on. */
  leave(): Promise<void>;
  /** What was counted is on the volume then, if that answers. */
  stop(): Promise<void>;
}

const VOLUME_FAILED = 'TLS reports could not be read or written on the volume';
/** For what is written on the volume, or looked up, when the process stops. */
const STOPPING_MS = 5000;

export function openTlsReports(options: OpenTlsReportsOptions): TlsReports {
  const { config, context, clock, random, log } = options;
  const onError = (error: unknown): void => log.warn({ err: error }, VOLUME_FAILED);
  const days = openDays({ ...options, queuePath: config().queue.path });
  const pool = config().queue.mode === 'PerReplica' ? openPool({ ...options, days }) : undefined;
  const counter = new Counter({ days, clock, random, onError });
  const who = (): Who | undefined => {
    const { tlsReports, fleet, queue } = config();
    if (tlsReports === undefined) return undefined;
    // Where each pod has a volume of its own, each that has counts which nobody took sends a report of its own (RFC 8460 §5.1).
    const source = [fleet.namespace, fleet.name, ...(queue.mode === 'PerReplica' ? [options.member] : [])];
    return { ...tlsReports, hostname: fleet.hostname, source: source.join('/') };
  };
  const leaving = new AbortController();
  const reporter = new Reporter({
    ...{ days, clock, random, who, onError },
    passOn: async (day) => pool?.passOn(day),
    claims: new Claims(days, clock, random.bytes(8).toString('hex')),
    texts: (name) => context().resolver.lookup(name, 'TXT'),
    send: (report, to) => send(report, to, options, leaving.signal),
    onSent(event) {
      options.onSent(event.kind, event.result);
      tell(event, log);
    },
    trusted: options.trusted,
    onDropped: (day, host) =>
      log.warn({ day, host }, 'TLS reports are dropped: too many domains name this host for theirs'),
    onUncounted: (day, sessions) =>
      log.warn({ day, sessions }, 'TLS reports leave out sessions with domains that there was no room for'),
  });
  const count = (observe: () => TlsResult | undefined): void => {
    const result = config().tlsReports === undefined ? undefined : observe();
    if (result !== undefined) counter.add(result);
  };
  let left: Promise<unknown> = Promise.resolve();
  let sends = false;
  const leave = async (): Promise<void> => {
    if (sends) {
      sends = false;
      // Who goes on with them is not to wait for a place that is silent.
      leaving.abort();
      left = within(clock, STOPPING_MS, reporter.leave());
    }
    await left;
  };
  return {
    session: (session) => count(() => resultOf(session, context().egress)),
    fetched: (event) => count(() => fetchFailure(event)),
    start(isFirst) {
      counter.start();
      sends = isFirst;
      if (sends) reporter.start();
    },
    // It is told from a wrong clock what is over, and what is too late.
    take: async (...counts) =>
      pool !== undefined && sends && who() !== undefined && options.trusted() && pool.take(...counts),
    leave,
    async stop() {
      await Promise.all([counter.stop(), leave()]);
      await within(clock, STOPPING_MS, reporter.stop());
    },
  };
}

/** For a supervisor whose pod goes for good: passes on what its workers have counted. Rejects where the volume fails. */
export function passCountsOn(
  options: Omit<PoolOptions, 'days'> & { readonly queuePath: string },
): Promise<void> {
  return openPool({ ...options, days: openDays(options) }).passAllOn();
}

type VolumeOptions = Pick<OpenTlsReportsOptions, 'disk' | 'clock' | 'random' | 'log'>;
type PoolOptions = VolumeOptions & Pick<OpenTlsReportsOptions, 'member' | 'calls'> & { readonly days: Days };

const openDays = ({ queuePath, log, ...deps }: VolumeOptions & { readonly queuePath: string }): Days =>
  new Days({
    ...{ path: daysPath(queuePath), disk: deps.disk, clock: deps.clock, random: deps.random },
    onError: (error) => log.warn({ err: error }, VOLUME_FAILED),
  });

const openPool = ({ days, member: self, calls, clock, log }: PoolOptions): Pool =>
  new Pool({
    ...{ days, self, clock, peers: countsPeers(calls) },
    onKept: (day, error) =>
      log.warn({ day, err: error }, 'counts for TLS reports stay with this pod: no other has taken them'),
  });

async function send(
  report: Report,
  to: Destination,
  options: OpenTlsReportsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { config, context, clock, random, originate } = options;
  if (to.kind === 'https') {
    const { resolver, families } = context();
    // Its name comes from outside, so the host table is not asked for it.
    const addresses = (host: string) => lookupAddresses(host, { resolver, random, families });
    await postReport(to.uri, report.gzip, { addresses, clock, signal });
    return;
  }
  const contact = config().tlsReports?.contact;
  if (contact === undefined) throw new Error('reports are not sent any more');
  await originate(reportMessage(report, { to: to.address, contact, now: clock.now(), random }));
}

function tell({ result, ...fields }: SentEvent, log: OpenTlsReportsOptions['log']): void {
  if (result === 'sent') log.info(fields, 'TLS report sent');
  else if (result === 'later') log.info(fields, 'TLS report could not be sent: it is tried again');
  else log.warn(fields, 'TLS report could not be sent, and is given up');
}
