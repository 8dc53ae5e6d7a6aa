/**
 * The pool of sessions: one that is idle is used again for a next hop that is alike in everything that matters. An
 * idle connection that ends is forgotten. How many attempts there may be at a time is the scheduler's to say; here it is
 * seen to that these have no more connections than that, as the other side counts them: until they are closed.
 */
import { type Clock, systemClock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { smtpError } from '../errors.ts';
import { type Random, systemRandom } from '../random.ts';
import { systemInterfaces } from '../route/system.ts';
import type { DestinationKey, NextHop } from '../route/types.ts';
import { Connections } from './connections.ts';
import { demandOf, serverNameOf } from './demand.ts';
import { type Dial, tcpDial } from './dial.ts';
import { sessionOpener } from './open.ts';
import type { StsFailureListener } from './sts.ts';
import type { TlsListener } from './tls-session.ts';
import type { PooledSession, Session, Sessions } from './types.ts';

export interface SessionsDeps {
  readonly config: () => MtaConfig;
  readonly clock?: Clock;
  readonly dial?: Dial;
  readonly random?: Random;
  /** Our name, for EHLO; the fleet's where absent. */
  readonly hostname?: () => string;
  /** Addresses of this machine. */
  readonly interfaces?: () => readonly string[];
  /** Connections that there may be to a destination now. */
  readonly most?: (destination: DestinationKey) => number;
  /** Told of each session that an MTA-STS policy was not kept in. */
  readonly onStsFailure?: StsFailureListener;
  /** Told once of each new session with a host, or attempt at one, that TLS came to something in. */
  readonly onTls?: TlsListener;
  /** Told when a connection to a destination has been closed. */
  readonly onClosed?: (destination: DestinationKey) => void;
}

/** Shortest pause between two looks at what is idle. */
const SWEEP_MS = 100;

interface Idle {
  readonly session: PooledSession;
  readonly destination: DestinationKey;
  /** Monotonic ms until which it is kept. */
  readonly until: number;
}

/** `config` is asked anew for each session: a new one holds for connections made after it. */
export function createSessions(deps: SessionsDeps): Sessions {
  const clock = deps.clock ?? systemClock;
  const open = sessionOpener({
    ...{ config: deps.config, clock, dial: deps.dial ?? tcpDial(clock), random: deps.random ?? systemRandom },
    hostname: deps.hostname ?? (() => deps.config().fleet.hostname),
    interfaces: deps.interfaces ?? systemInterfaces,
    onStsFailure: deps.onStsFailure ?? (() => {}),
    onTls: deps.onTls ?? (() => {}),
  });
  /** Idle sessions by key, the latest last: what is not needed can then go. */
  const idle = new Map<string, Idle[]>();
  const lent = new Map<
    Session,
    { readonly session: PooledSession; readonly key: string; readonly destination: DestinationKey }
  >();
  const connections = new Connections(deps.onClosed ?? (() => {}));
  const mostTo = deps.most ?? (() => Number.POSITIVE_INFINITY);
  const { promise: drained, resolve: finish } = Promise.withResolvers<void>();
  let cancelWatch: (() => void) | undefined;
  let opening = 0;
  let draining = false;

  const finishIfDone = (): void => {
    if (draining && lent.size === 0 && opening === 0) {
      finish();
    }
  };

  const lend = (session: PooledSession, key: string, destination: DestinationKey): Session => {
    session.onEnd(undefined);
    session.lend();
    connections.serve(session, destination);
    lent.set(session, { session, key, destination });
    return session;
  };

  const hasRoom = (destination: DestinationKey) => connections.open(destination) < mostTo(destination);

  /** The latest that serves the destination; one that serves another moves here, where there is room for it. */
  const takeIdle = (key: string, destination: DestinationKey): PooledSession | undefined => {
    const entries = idle.get(key) ?? [];
    const at = entries.findLastIndex((entry) => entry.destination === destination || hasRoom(destination));
    if (at < 0) return undefined;
    const [found] = entries.splice(at, 1);
    if (entries.length === 0) {
      idle.delete(key);
    }
    return found!.session;
  };

  const forget = (session: PooledSession, key: string): void => {
    const left = (idle.get(key) ?? []).filter((entry) => entry.session !== session);
    if (left.length === 0) {
      idle.delete(key);
    } else {
      idle.set(key, left);
    }
  };

  const retire = (session: PooledSession): void => {
    session.onEnd(undefined);
    connections.leave(session);
    session.close();
  };

  /** Closes idle connections to a destination, the oldest first, until no more than `most` stay. */
  const trim = (destination: DestinationKey, most: number): void => {
    if (connections.staying(destination) <= most) return;
    for (const [key, entries] of [...idle]) {
      for (const entry of entries.filter((each) => each.destination === destination)) {
        if (connections.staying(destination) <= most) return;
        forget(entry.session, key);
        retire(entry.session);
      }
    }
  };

  /** Counts another connection, when there may be one: waits for what is being closed, and for nothing else. */
  const begin = async (destination: DestinationKey): Promise<void> => {
    while (!hasRoom(destination)) {
      trim(destination, mostTo(destination) - 1);
      if (connections.staying(destination) === connections.open(destination)) break;
      await connections.oneClosed(destination);
    }
    connections.begin(destination);
  };

  /** One timer for all that is idle: most of it is used again long before. */
  const watch = (ms: number): void => {
    cancelWatch ??= clock.after(ms, () => {
      cancelWatch = undefined;
      const now = clock.monotonic();
      const all = [...idle].flatMap(([key, entries]) => entries.map((entry) => ({ ...entry, key })));
      for (const { session, key } of all.filter(({ until }) => until <= now)) {
        forget(session, key);
        retire(session);
      }
      const next = all.reduce(
        (least, { until }) => (until > now ? Math.min(least, until) : least),
        Number.POSITIVE_INFINITY,
      );
      if (next < Number.POSITIVE_INFINITY) watch(Math.max(next - now, SWEEP_MS));
    });
  };

  const keep = (session: PooledSession, key: string, destination: DestinationKey): void => {
    const ms = deps.config().delivery.idleConnectionSeconds * 1000;
    session.onEnd(() => {
      connections.leave(session);
      forget(session, key);
    });
    const entry = { session, destination, until: clock.monotonic() + ms };
    const entries = idle.get(key);
    if (entries === undefined) {
      idle.set(key, [entry]);
    } else {
      entries.push(entry);
    }
    watch(ms);
  };

  return {
    get open() {
      return lent.size + [...idle.values()].reduce((sum, entries) => sum + entries.length, 0);
    },
    async acquire(hop, destination = '') {
      if (draining) {
        throw smtpError('serviceShutdown');
      }
      const key = poolKey(hop);
      const kept = takeIdle(key, destination);
      if (kept !== undefined) {
        return lend(kept, key, destination);
      }
      opening += 1;
      try {
        await begin(destination);
        const session = await (draining ? Promise.reject(smtpError('serviceShutdown')) : open(hop)).catch(
          (error: unknown) => {
            connections.failed(destination);
            throw error;
          },
        );
        connections.opened(session, destination);
        return lend(session, key, destination);
      } finally {
        opening -= 1;
        finishIfDone();
      }
    },
    release(session) {
      const entry = lent.get(session);
      if (entry === undefined) {
        return;
      }
      lent.delete(session);
      if (session.reusable && !draining) {
        keep(entry.session, entry.key, entry.destination);
      } else {
        retire(entry.session);
      }
      finishIfDone();
    },
    openTo: (destination) => connections.open(destination),
    trim,
    async drain() {
      draining = true;
      cancelWatch?.();
      for (const { session } of [...idle.values()].flat()) {
        session.close();
      }
      idle.clear();
      finishIfDone();
      await drained;
    },
  };
}

const keys = new WeakMap<NextHop, string>();

/** Everything that makes a difference for who is at the other end, how we are known there, and who reads along. */
function poolKey(hop: NextHop): string {
  const known = keys.get(hop);
  if (known !== undefined) return known;
  const { tls, auth } = hop;
  const key = JSON.stringify([
    hop.protocol,
    hop.host,
    hop.address,
    hop.port,
    hop.implicitTls,
    [tls.mode, tls.minVersion, tls.ca, demandOf(hop), serverNameOf(hop), hop.wish, hop.sts],
    auth && [auth.username, auth.password],
    hop.messagesPerConnection,
    hop.isOwnTarget,
    hop.webhook,
  ]);
  keys.set(hop, key);
  return key;
}
