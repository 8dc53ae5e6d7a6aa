/** Source and sink of the load: Debian's smtp-source and smtp-sink, and our own on the side where there is TLS. */
import { openSync, readSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePort } from '../support/ports.ts';
import { run, start } from '../support/processes.ts';
import type { Certificate } from '../support/tls.ts';
import { waitFor } from '../support/wait.ts';
import { latencies } from './latency.ts';
import { startTlsSink, startTlsSource } from './tls-load.ts';
import type { Work } from './works.ts';

export interface LoadSink {
  readonly port: number;
  /** Messages taken so far. */
  count(): number;
  /** TLS handshakes so far, and those of them that resumed a session. */
  handshakes(): { readonly all: number; readonly resumed: number };
  /** Resolves, to within some ms, when `total` messages have been taken in all. */
  reached(total: number, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface LoadSource {
  /**
   * Resolves when all of them have been answered 250: with the seconds that took, and in how many connections a TLS session was resumed.
   * Rejects if one was refused.
   */
  send(messages: number): Promise<{ readonly seconds: number; readonly resumed: number }>;
  /** Sends `messages`; gives the sorted times from the final dot to its 250, in ms. */
  latencies(messages: number): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** @param certificate that the sink shows where mail comes to it in TLS */
export function startLoadSink({ tls }: Pick<Work, 'tls'>, certificate: Certificate): Promise<LoadSink> {
  return tls?.side === 'out' ? startTlsSink(certificate) : startSmtpSink();
}

/** @param certificate that the MTA has, where mail goes to it in TLS */
export async function startLoadSource(
  work: Work,
  port: number,
  manySessions: number,
  certificate: Certificate,
): Promise<LoadSource> {
  const { tls, size } = work;
  const sessions = work.single ? 1 : manySessions;
  if (tls?.side === 'in') {
    return startTlsSource({ ...{ port, sessions, bytes: size, certificate }, resumed: tls.resumed });
  }
  return {
    send: async (messages) => ({ seconds: await smtpSource(work, port, sessions, messages), resumed: 0 }),
    latencies: (messages) => latencies(port, sessions, messages, size),
    stop: async () => {},
  };
}

/** smtp-sink, whose running counters (-c) go to a file in memory: a line of `mesg=N` per message, the last one counts. */
async function startSmtpSink(): Promise<LoadSink> {
  const port = await freePort();
  const log = join(temporaryFolder('bench-sink', memoryFolder()), 'counters');
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const running = start(program('smtp-sink'), [...user, '-c', `127.0.0.1:${port}`, '1000'], log);
  await waitFor('smtp-sink to listen', () => {
    if (running.ended() !== undefined) throw new Error(running.output());
    return listening(port);
  });
  const fd = openSync(log, 'r');
  const tail = Buffer.alloc(256);
  const count = () => {
    const end = statSync(log).size;
    const length = readSync(fd, tail, 0, tail.length, Math.max(0, end - tail.length));
    const counts = [...tail.toString('latin1', 0, length).matchAll(/mesg=(\d+)\r/g)];
    return Number(counts.at(-1)?.[1] ?? 0);
  };
  return {
    port,
    count,
    handshakes: () => ({ all: 0, resumed: 0 }),
    async reached(total, timeoutMs) {
      await waitFor(`smtp-sink to take ${total} messages`, () => count() >= total, {
        timeoutMs,
        everyMs: 5,
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}: it has taken ${count()}`);
      });
    },
    stop: () => running.stop('SIGTERM'),
  };
}

/** Resolves with the seconds that it took to have all of them answered 250. Rejects if one was refused. */
async function smtpSource(work: Work, port: number, sessions: number, messages: number): Promise<number> {
  const args = ['-l', String(work.size), '-m', String(messages), '-s', String(sessions)];
  if (work.kept) args.push('-d');
  args.push(
    '-C',
    '10',
    '-M',
    'source.test',
    '-f',
    'from@source.test',
    '-t',
    'to@sink.test',
    `127.0.0.1:${port}`,
  );
  const began = performance.now();
  const done = await run(program('smtp-source'), args, { timeoutMs: 600_000 });
  if (done.code !== 0) throw new Error(`smtp-source ended with ${done.code}: ${done.stderr}`);
  return (performance.now() - began) / 1000;
}

function memoryFolder(): string {
  try {
    return statSync('/dev/shm').isDirectory() ? '/dev/shm' : '/tmp';
  } catch {
    return '/tmp';
  }
}

function listening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
