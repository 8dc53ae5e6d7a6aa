/**
 * The pool of sessions: one that is idle is used again for a next hop that is alike in everything that matters. An
 * idle connection that ends is forgotten. How many there may be at a time is the scheduler's to say.
 */
import { type Clock, systemClock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { smtpError } from '../errors.ts';
import type { DestinationKey, NextHop } from '../route/types.ts';
import { type Dial, tcpDial } from './dial.ts';
import { sessionOpener } from './open.ts';
import type { SmtpSession } from './session.ts';
import type { Session, Sessions } from './types.ts';

export interface SessionsDeps {
  readonly config: () => MtaConfig;
  readonly clock?: Clock;
  readonly dial?: Dial;
}

/** Shortest pause between two looks at what is idle. */
const SWEEP_MS = 100;

interface Idle {
  readonly session: SmtpSession;
  readonly destination: DestinationKey;
  /** Monotonic ms until which it is kept. */
  readonly until: number;
}

/** `config` is asked anew for each session: a new one holds for connections made after it. */
export function createSessions(deps: SessionsDeps): Sessions {
  const clock = deps.clock ?? systemClock;
  const open = sessionOpener({ config: deps.config, clock, dial: deps.dial ?? tcpDial(clock) });
  /** Idle sessions by key, the latest last: what is not needed can then go. */
  const idle = new Map<string, Idle[]>();
  const lent = new Map<
    Session,
    { readonly session: SmtpSession; readonly key: string; readonly destination: DestinationKey }
  >();
  /** Connections by destination, those among them that are being opened. */
  const counts = new Map<DestinationKey, number>();
  const { promise: drained, resolve: finish } = Promise.withResolvers<void>();
  let cancelWatch: (() => void) | undefined;
  let opening = 0;
  let draining = false;

  const finishIfDone = (): void => {
    if (draining && lent.size === 0 && opening === 0) {
      finish();
    }
  };

  const count = (destination: DestinationKey, by: 1 | -1): void => {
    const sum = (counts.get(destination) ?? 0) + by;
    if (sum === 0) {
      counts.delete(destination);
    } else {
      counts.set(destination, sum);
    }
  };

  const lend = (session: SmtpSession, key: string, destination: DestinationKey): Session => {
    session.onEnd(undefined);
    session.lend();
    lent.set(session, { session, key, destination });
    return session;
  };

  const takeIdle = (key: string): SmtpSession | undefined => {
    const entries = idle.get(key);
    const entry = entries?.pop();
    if (entries?.length === 0) {
      idle.delete(key);
    }
    if (entry !== undefined) {
      count(entry.destination, -1);
    }
    return entry?.session;
  };

  const forget = (session: SmtpSession, key: string): void => {
    const found = idle.get(key)?.find((entry) => entry.session === session);
    if (found === undefined) {
      return;
    }
    count(found.destination, -1);
    const left = (idle.get(key) ?? []).filter((entry) => entry.session !== session);
    if (left.length === 0) {
      idle.delete(key);
    } else {
      idle.set(key, left);
    }
  };

  /** One timer for all that is idle: most of it is used again long before. */
  const watch = (ms: number): void => {
    cancelWatch ??= clock.after(ms, () => {
      cancelWatch = undefined;
      const now = clock.monotonic();
      const all = [...idle].flatMap(([key, entries]) => entries.map((entry) => ({ ...entry, key })));
      for (const { session, key } of all.filter(({ until }) => until <= now)) {
        session.onEnd(undefined);
        forget(session, key);
        session.close();
      }
      const next = all.reduce(
        (least, { until }) => (until > now ? Math.min(least, until) : least),
        Number.POSITIVE_INFINITY,
      );
      if (next < Number.POSITIVE_INFINITY) watch(Math.max(next - now, SWEEP_MS));
    });
  };

  const keep = (session: SmtpSession, key: string, destination: DestinationKey): void => {
    const ms = deps.config().delivery.idleConnectionSeconds * 1000;
    session.onEnd(() => forget(session, key));
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
      const kept = takeIdle(key);
      count(destination, 1);
      if (kept !== undefined) {
        return lend(kept, key, destination);
      }
      opening += 1;
      try {
        return lend(await open(hop), key, destination);
      } catch (error) {
        count(destination, -1);
        throw error;
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
        count(entry.destination, -1);
        session.close();
      }
      finishIfDone();
    },
    openTo: (destination) => counts.get(destination) ?? 0,
    trim(destination, most) {
      const all = [...idle].flatMap(([key, entries]) => entries.map((entry) => ({ ...entry, key })));
      for (const { session, key } of all.filter((entry) => entry.destination === destination)) {
        if ((counts.get(destination) ?? 0) <= most) {
          return;
        }
        session.onEnd(undefined);
        forget(session, key);
        session.close();
      }
    },
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
    [tls.mode, tls.fallbackToClear, tls.minVersion, tls.ca],
    auth && [auth.username, auth.password],
    hop.messagesPerConnection,
  ]);
  keys.set(hop, key);
  return key;
}
