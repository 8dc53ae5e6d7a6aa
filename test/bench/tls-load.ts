/**
 * Source and sink of our own for works with TLS, which smtp-source and smtp-sink don't speak: node:tls, in as many processes
 * each as keep one of them from being the limit. They do TLS 1.3 with X25519, whatever else an MTA may be able to do.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';
import { type Certificate, type KeyKind, selfSigned } from '../support/tls.ts';
import { waitFor } from '../support/wait.ts';
import type { LoadSink, LoadSource } from './load.ts';

/** In the certificate, and asked for by SNI. */
export const NAME = 'bench.test';

/** Of the key exchange: what Postfix with the OpenSSL of Debian 12 prefers. Node 24 would prefer a hybrid of it with ML-KEM. */
export const GROUPS = 'X25519';

const PROCESSES = 2;

const certificates = new Map<KeyKind, Promise<Certificate>>();

/** The one of this run, for whoever is a server. */
export function certificateOf(kind: KeyKind): Promise<Certificate> {
  const made = certificates.get(kind) ?? selfSigned(NAME, kind);
  certificates.set(kind, made);
  return made;
}

/** What the sink has taken, as each of its processes tells it. */
export interface Taken {
  readonly messages: number;
  readonly handshakes: number;
  /** Handshakes of those that resumed a session. */
  readonly resumed: number;
}

/** What one process of the source has sent. */
export interface PartSent {
  /** Ms from the final dot to its 250. */
  readonly waits: readonly number[];
  readonly resumed: number;
}

export async function startTlsSink({ certificateFile, keyFile }: Certificate): Promise<LoadSink> {
  const port = await freePort();
  // Of all processes: whichever a client comes to can resume its session.
  const ticketKeys = randomBytes(48).toString('hex');
  const parts = await Promise.all(
    Array.from({ length: PROCESSES }, () =>
      startPart('tls-sink.main.ts', [String(port), certificateFile, keyFile, ticketKeys]),
    ),
  );
  const told: Taken[] = parts.map(() => ({ messages: 0, handshakes: 0, resumed: 0 }));
  parts.forEach((part, index) => {
    part.child.on('message', (taken: Taken) => {
      told[index] = taken;
    });
  });
  const sum = (member: keyof Taken) => told.reduce((all, taken) => all + taken[member], 0);
  return {
    port,
    count: () => sum('messages'),
    handshakes: () => ({ all: sum('handshakes'), resumed: sum('resumed') }),
    async reached(total, timeoutMs) {
      await waitFor(`the sink to take ${total} messages`, () => sum('messages') >= total, {
        ...{ timeoutMs, everyMs: 5 },
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}: it has taken ${sum('messages')}`);
      });
    },
    stop: () => stopAll(parts),
  };
}

export interface TlsSourceOptions {
  readonly port: number;
  readonly sessions: number;
  /** Of a message. */
  readonly bytes: number;
  readonly certificate: Certificate;
  readonly resumed: boolean;
}

export async function startTlsSource(options: TlsSourceOptions): Promise<LoadSource> {
  const { port, sessions, bytes, certificate, resumed } = options;
  const shares = split(sessions, Math.min(PROCESSES, sessions));
  const parts = await Promise.all(
    shares.map((share) => {
      const args = [port, certificate.certificateFile, share, bytes, resumed ? 'resumed' : 'full'];
      return startPart('tls-source.main.ts', args.map(String));
    }),
  );
  const sendAll = async (messages: number): Promise<PartSent> => {
    const sent = await Promise.all(
      split(messages, parts.length).map((share, index) => parts[index]!.ask<PartSent>(share)),
    );
    return {
      waits: sent.flatMap(({ waits }) => waits),
      resumed: sent.reduce((sum, part) => sum + part.resumed, 0),
    };
  };
  return {
    async send(messages) {
      const began = performance.now();
      const sent = await sendAll(messages);
      return { seconds: (performance.now() - began) / 1000, resumed: sent.resumed };
    },
    latencies: async (messages) => [...(await sendAll(messages)).waits].sort((a, b) => a - b),
    stop: () => stopAll(parts),
  };
}

/** @example split(7, 2) is [4, 3] */
export function split(whole: number, parts: number): readonly number[] {
  return Array.from({ length: parts }, (_, index) => Math.ceil((whole - index) / parts));
}

interface Part {
  readonly child: ChildProcess;
  /** Resolves with its next message; rejects when it ends before. */
  ask<T>(message: number): Promise<T>;
}

/** Ends with this process, whose end it sees. */
async function startPart(main: string, args: readonly string[]): Promise<Part> {
  const child = fork(join(import.meta.dirname, main), args, { execArgv: [] });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${main} ended with ${code ?? signal}`);
  });
  ended.catch(() => undefined);
  const next = async <T>(): Promise<T> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [T];
    return message;
  };
  await next();
  return {
    child,
    ask(message) {
      child.send(message);
      return next();
    },
  };
}

async function stopAll(parts: readonly Part[]): Promise<void> {
  await Promise.all(
    parts.map(async ({ child }) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    }),
  );
}
