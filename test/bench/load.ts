/** Debian's smtp-source and smtp-sink as source and sink of the load. */
import { openSync, readFileSync, readSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePort } from '../support/ports.ts';
import { run, start } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import type { Work } from './works.ts';

export interface LoadSink {
  readonly port: number;
  /** Messages taken so far. */
  count(): number;
  /** Resolves, to within some ms, when `total` messages have been taken in all. */
  reached(total: number, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** smtp-sink, whose running counters (-c) go to a file in memory: a line of `mesg=N` per message, the last one counts. */
export async function startLoadSink(): Promise<LoadSink> {
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

/** smtp-source; resolves with the seconds that it took to have all of them answered 250. Rejects if one was refused. */
export async function send(work: Work, port: number, sessions: number, messages: number): Promise<number> {
  const args = ['-l', String(work.size), '-m', String(messages), '-s', String(work.single ? 1 : sessions)];
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

/** Share of the machine's processors that was idle over a while, from `/proc/stat` (proc(5)). */
function idleTicks(): { idle: number; all: number } {
  const fields = readFileSync('/proc/stat', 'latin1')
    .split('\n')[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return {
    idle: (fields[3] ?? 0) + (fields[4] ?? 0),
    all: fields.slice(0, 8).reduce((sum, value) => sum + value, 0),
  };
}

/** Waits until the machine has been 85 % idle for half a second; gives up after `timeoutMs` and says so with false. */
export async function idleMachine(timeoutMs = 20_000): Promise<boolean> {
  let before = idleTicks();
  try {
    await waitFor(
      'an idle machine',
      () => {
        const now = idleTicks();
        const idle = (now.idle - before.idle) / Math.max(1, now.all - before.all);
        before = now;
        return idle >= 0.85;
      },
      { timeoutMs, everyMs: 500 },
    );
    return true;
  } catch {
    return false;
  }
}
