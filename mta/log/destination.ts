/**
 * Where log lines go: buffered, and written in the background in pieces of whole lines. Into a pipe a piece is at most
 * PIPE_BUF long, so that the workers of a pod can share it and no line is torn by another's (pipe(7)); appending to a
 * file is whole whatever its length (open(2), O_APPEND), and larger pieces cost less.
 *
 * It never fails towards its caller: a line that can't be written, or that finds more than `LONGEST_BACKLOG` waiting
 * (nobody reads the pipe), is dropped and counted. What is buffered at a SIGKILL is lost; mail isn't.
 */
import { fstatSync, write } from 'node:fs';
import pino, { type Logger } from 'pino';
import type { Clock } from '../clock.ts';

export interface LogDestination {
  write(line: string): void;
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Resolves when everything written so far is out, or was dropped. */
  flush(): Promise<void>;
}

const PIPE_BUF = 4096;
const FILE_PIECE = 64 * 1024;
const LONGEST_BACKLOG = 16 * 1024 * 1024;
const FLUSH_MS = 100;
/** Wait for the reader of a full non-blocking pipe. */
const AGAIN_MS = 10;

/** Writes to a descriptor, which stays the caller's: standard output, or a file opened for appending. */
export function logDestination(fd: number, clock: Clock): LogDestination {
  const longest = isFile(fd) ? FILE_PIECE : PIPE_BUF;
  let dropped = 0;
  /** Full pieces, oldest first, then the one that is being filled. */
  const full: string[] = [];
  let filling = '';
  let fillingBytes = 0;
  let waitingBytes = 0;
  let pumping: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;

  function next(): string | undefined {
    const piece = full.shift();
    if (piece !== undefined || filling === '') return piece;
    const rest = filling;
    filling = '';
    fillingBytes = 0;
    return rest;
  }

  async function pump(): Promise<void> {
    for (let piece = next(); piece !== undefined; piece = next()) {
      const bytes = Buffer.from(piece);
      try {
        await writeAll(fd, bytes, clock);
      } catch {
        dropped += piece.split('\n').length - 1;
      }
      waitingBytes -= bytes.length;
    }
    pumping = undefined;
  }

  function start(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    pumping ??= pump();
    return pumping;
  }

  return {
    get dropped() {
      return dropped;
    },
    write(line) {
      const length = Buffer.byteLength(line);
      if (waitingBytes + length > LONGEST_BACKLOG) {
        dropped += 1;
        return;
      }
      if (filling !== '' && fillingBytes + length > longest) {
        full.push(filling);
        filling = '';
        fillingBytes = 0;
      }
      filling += line;
      fillingBytes += length;
      waitingBytes += length;
      if (pumping !== undefined) return;
      if (waitingBytes >= longest / 2) void start();
      else cancelTimer ??= clock.after(FLUSH_MS, () => void start());
    },
    flush: () => (waitingBytes === 0 ? Promise.resolve() : start()),
  };
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/** One piece, in one write unless the system takes less of it. */
async function writeAll(fd: number, bytes: Buffer, clock: Clock): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += await writeSome(fd, bytes.subarray(offset));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
    }
  }
}

function writeSome(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

/** The process's own log: constant messages, values as fields. */
export function createLogger(level: string, name: string, destination: LogDestination): Logger {
  return pino(
    {
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
