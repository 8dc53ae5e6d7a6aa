/**
 * The pool of sessions: one that is idle is used again for a next hop that is alike in everything that matters. An
 * idle connection that ends is forgotten. How many there may be at a time is the scheduler's to say.
 */
import { type Clock, systemClock } from '../clock.ts';
import type { MtaConfig } from '../config.ts';
import { smtpError } from '../errors.ts';
import type { NextHop } from '../route/types.ts';
import { type Dial, tcpDial } from './dial.ts';
import { sessionOpener } from './open.ts';
import type { SmtpSession } from './session.ts';
import type { Session, Sessions } from './types.ts';

export interface SessionsDeps {
  readonly config: () => MtaConfig;
  readonly clock?: Clock;
  readonly dial?: Dial;
}

interface Idle {
  readonly session: SmtpSession;
  readonly cancel: () => void;
}

/** `config` is asked anew for each session: a new one holds for connections made after it. */
export function createSessions(deps: SessionsDeps): Sessions {
  const clock = deps.clock ?? systemClock;
  const open = sessionOpener({ config: deps.config, clock, dial: deps.dial ?? tcpDial(clock) });
  /** Idle sessions by key, the latest last: what is not needed can then go. */
  const idle = new Map<string, Idle[]>();
  const lent = new Map<Session, { readonly session: SmtpSession; readonly key: string }>();
  const { promise: drained, resolve: finish } = Promise.withResolvers<void>();
  let opening = 0;
  let draining = false;

  const finishIfDone = (): void => {
    if (draining && lent.size === 0 && opening === 0) {
      finish();
    }
  };

  const lend = (session: SmtpSession, key: string): Session => {
    session.onEnd(undefined);
    session.lend();
    lent.set(session, { session, key });
    return session;
  };

  const takeIdle = (key: string): SmtpSession | undefined => {
    const entry = idle.get(key)?.pop();
    if (idle.get(key)?.length === 0) {
      idle.delete(key);
    }
    entry?.cancel();
    return entry?.session;
  };

  const forget = (session: SmtpSession, key: string): void => {
    const entries = idle.get(key) ?? [];
    const at = entries.findIndex((entry) => entry.session === session);
    if (at >= 0) {
      entries.splice(at, 1)[0]!.cancel();
    }
    if (entries.length === 0) {
      idle.delete(key);
    }
  };

  const keep = (session: SmtpSession, key: string): void => {
    const cancel = clock.after(deps.config().delivery.idleConnectionSeconds * 1000, () => {
      forget(session, key);
      session.close();
    });
    session.onEnd(() => forget(session, key));
    const entries = idle.get(key);
    if (entries === undefined) {
      idle.set(key, [{ session, cancel }]);
    } else {
      entries.push({ session, cancel });
    }
  };

  return {
    get open() {
      return lent.size + [...idle.values()].reduce((sum, entries) => sum + entries.length, 0);
    },
    async acquire(hop) {
      if (draining) {
        throw smtpError('serviceShutdown');
      }
      const key = poolKey(hop);
      const kept = takeIdle(key);
      if (kept !== undefined) {
        return lend(kept, key);
      }
      opening += 1;
      try {
        return lend(await open(hop), key);
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
        keep(entry.session, entry.key);
      } else {
        session.close();
      }
      finishIfDone();
    },
    async drain() {
      draining = true;
      for (const { session, cancel } of [...idle.values()].flat()) {
        cancel();
        session.close();
      }
      idle.clear();
      finishIfDone();
      await drained;
    },
  };
}

/** Everything that makes a difference for who is at the other end, how we are known there, and who reads along. */
function poolKey(hop: NextHop): string {
  const { tls, auth } = hop;
  return JSON.stringify([
    hop.protocol,
    hop.host,
    hop.address,
    hop.port,
    hop.implicitTls,
    [tls.mode, tls.fallbackToClear, tls.minVersion, tls.ca],
    auth && [auth.username, auth.password],
    hop.messagesPerConnection,
  ]);
}
