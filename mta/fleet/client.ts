/**
 * Calls of other members: kept connections, a certificate on both sides, and a bound on every wait. Rejects with
 * `MemberUnreachable` where nothing, or nobody we meant, answered; else with what the member said.
 */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../clock.ts';
import { type ErrorCode, PostriderError } from '../errors.ts';
import { encode, readJson } from './body.ts';
import { type FleetName, memberHost } from './hosts.ts';
import { type Identity, memberOf } from './identity.ts';
import type { FleetAnswer, FleetCallOptions, MemberName } from './types.ts';
import { memberUnreachable } from './unreachable.ts';
import { FLEET_VERSION, peerVersion, VERSION_HEADER } from './version.ts';

export interface Where {
  readonly host: string;
  readonly port: number;
}

export interface CallAnswer extends FleetAnswer {
  readonly version: number;
  /** By its certificate. */
  readonly member: MemberName;
}

export interface FleetClient {
  identify(identity: Identity): void;
  /** @param member who must answer; whoever of the fleet does, where it is undefined */
  call(
    where: Where,
    member: MemberName | undefined,
    path: string,
    body: unknown,
    options?: FleetCallOptions,
  ): Promise<CallAnswer>;
  /** Cuts what is under way. */
  close(): void;
}

const IDLE_MS = 10_000;
/** Kept connections for each member: beats and notices need one, a hand-over some more. */
const KEPT = 4;

export function createFleetClient(fleet: FleetName, first: Identity, clock: Clock): FleetClient {
  let agent = agentOf(first);

  function agentOf({ certificate, key, authority }: Identity): Agent {
    return new Agent({
      keepAlive: true,
      maxFreeSockets: KEPT,
      // A resumed session shows no certificate, and kept connections make it needless.
      maxCachedSessions: 0,
      cert: certificate,
      key,
      ca: authority,
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    });
  }

  /** Nobody looks the name up: it keeps connections of one member from being used for another. */
  const names = (member: MemberName | undefined) => ({
    servername: memberHost(member ?? 'any', fleet),
    checkServerIdentity: (_host: string, peer: PeerCertificate) => {
      const name = memberOf(new X509Certificate(peer.raw), fleet);
      if (name !== undefined && (member === undefined || name === member)) return undefined;
      return new Error(`its certificate is not for ${memberHost(member ?? '*', fleet)}`);
    },
  });

  async function call(
    where: Where,
    member: MemberName | undefined,
    path: string,
    body: unknown,
    { query = {}, idleMs = IDLE_MS, signal }: FleetCallOptions = {},
  ): Promise<CallAnswer> {
    const encoded = encode(body);
    const search = new URLSearchParams(query).toString();
    const { promise, resolve, reject } = Promise.withResolvers<CallAnswer>();
    const outgoing = request({
      host: where.host,
      port: where.port,
      agent,
      ...names(member),
      method: 'POST',
      path: search === '' ? path : `${path}?${search}`,
      headers: {
        [VERSION_HEADER]: String(FLEET_VERSION),
        'content-type': encoded.type,
        ...(encoded.body instanceof Readable ? {} : { 'content-length': encoded.body.length }),
      },
    });
    const unreachable = (cause: unknown) =>
      memberUnreachable(member ?? where.host, `did not answer: ${messageOf(cause)}`, cause);
    const idle = watchIdle(clock, idleMs, () => outgoing.destroy(new Error(`no answer for ${idleMs} ms`)));
    const abort = () => outgoing.destroy(new Error('given up'));
    signal?.addEventListener('abort', abort, { once: true });
    const end = () => {
      idle.stop();
      signal?.removeEventListener('abort', abort);
    };
    if (signal?.aborted === true) abort();
    outgoing.on('close', end);
    outgoing.on('error', (error) => reject(unreachable(error)));
    outgoing.on('response', (incoming) => {
      idle.touch();
      resolve(answer(incoming, idle.touch, unreachable));
    });
    if (encoded.body instanceof Readable) {
      // What fails shows as an error of the request.
      void pipeline(encoded.body, touching(idle.touch), outgoing).catch((error: unknown) =>
        reject(unreachable(error)),
      );
    } else outgoing.end(encoded.body);
    return promise;
  }

  async function answer(
    incoming: IncomingMessage,
    touch: () => void,
    unreachable: (cause: unknown) => PostriderError,
  ): Promise<CallAnswer> {
    const socket = incoming.socket as unknown as { getPeerX509Certificate(): X509Certificate | undefined };
    const certificate = socket.getPeerX509Certificate();
    const member = certificate === undefined ? undefined : memberOf(certificate, fleet);
    const body = touching(touch);
    void pipeline(incoming, body).catch(() => {});
    const json = async (largest?: number) =>
      readJson(body, largest).catch((error: unknown) => {
        body.destroy();
        throw error instanceof PostriderError ? error : unreachable(error);
      });
    if (incoming.statusCode !== 200) throw refusal(incoming.statusCode, await json().catch(() => undefined));
    try {
      return { version: peerVersion(incoming.headers[VERSION_HEADER]), member: member!, body, json };
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  return {
    call,
    identify(identity) {
      // Calls under way end on the connections that they have, which are closed then.
      const old = agent;
      agent = agentOf(identity);
      old.maxFreeSockets = 0;
      for (const sockets of Object.values(old.freeSockets))
        for (const socket of sockets ?? []) socket.destroy();
    },
    close: () => agent.destroy(),
  };
}

/** What the other side rejected with: its code, message and hint. */
function refusal(status: number | undefined, problem: unknown): PostriderError {
  const { code, detail, hint } = (problem ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || typeof detail !== 'string') {
    return new PostriderError('MemberRefused', `answered with status ${status}`);
  }
  return new PostriderError(code as ErrorCode, detail, typeof hint === 'string' ? { hint } : {});
}

function touching(touch: () => void): Transform {
  return new Transform({
    transform(piece, _encoding, done) {
      touch();
      done(null, piece);
    },
  });
}

/** Calls `onIdle` once when nothing has touched it for `ms`. */
function watchIdle(clock: Clock, ms: number, onIdle: () => void) {
  let last = clock.monotonic();
  let cancel = () => {};
  const wait = (left: number) => {
    cancel = clock.after(left, () => {
      const still = last + ms - clock.monotonic();
      if (still <= 0) onIdle();
      else wait(still);
    });
  };
  wait(ms);
  return {
    touch: () => {
      last = clock.monotonic();
    },
    stop: () => cancel(),
  };
}

function messageOf(cause: unknown): string {
  const { message, code } = cause as { message?: string; code?: string };
  return message || code || String(cause);
}
