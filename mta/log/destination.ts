/**
 * Where log lines go: buffered, written in the background in pieces of whole lines. A piece is at most PIPE_BUF long,
 * so that the workers of a pod can write to one pipe and no line is torn by another's.
 *
 * It never fails towards its caller: a line that can't be written, or that finds more than `LONGEST_BACKLOG` waiting
 * (nobody reads the pipe), is dropped and reported. What is buffered at a SIGKILL is lost; mail isn't.
 */
import pino, { type Logger } from 'pino';

export interface LogDestination {
  write(line: string): void;
  /** Resolves when what was written before is out, or has failed. */
  flush(): Promise<void>;
  /** Flushes, and closes a file that was opened by its path. */
  close(): Promise<void>;
}

const PIPE_BUF = 4096;
const WRITE_FROM = 2048;
const LONGEST_BACKLOG = 16 * 1024 * 1024;
const FLUSH_MS = 100;

/** `target` is a file descriptor or the path of a file to append to; `onDropped` is called for each lost line or piece. */
export function logDestination(
  target: number | string,
  onDropped: (error: Error) => void = () => {},
): LogDestination {
  const stream = pino.destination({
    dest: target,
    sync: false,
    mkdir: true,
    minLength: WRITE_FROM,
    maxWrite: PIPE_BUF,
    maxLength: LONGEST_BACKLOG,
    periodicFlush: FLUSH_MS,
  });
  stream.on('error', onDropped);
  stream.on('drop', () => onDropped(new Error('The log is written faster than it is read')));
  const flush = () => new Promise<void>((resolve) => stream.flush(() => resolve()));
  let closed: Promise<void> | undefined;
  return {
    write(line) {
      if (closed === undefined) stream.write(line);
      else onDropped(new Error('The log is closed'));
    },
    flush,
    close() {
      closed ??= flush().then(
        () =>
          new Promise((resolve) => {
            // Standard output and error belong to the process
            if (typeof target === 'number') resolve();
            else {
              stream.once('close', resolve);
              stream.end();
            }
          }),
      );
      return closed;
    },
  };
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
