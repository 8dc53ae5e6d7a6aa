/** A worker's process as the supervisor sees it, and how it is ended: in order where it can be, by force where not. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { WorkerCalls } from './calls.ts';
import type { Channel } from './rpc.ts';

/** A child process as far as the supervisor needs it. */
export interface WorkerProcess {
  /** Undefined where it could not be made. */
  readonly pid: number | undefined;
  readonly channel: Channel;
  /** Ends it at once. */
  kill(): void;
  onExit(listener: (how: string) => void): void;
}

/** What draining takes beside the grace: connections are closed, lanes released, logs written. */
const DRAIN_MARGIN_MS = 5000;
/** A drained process that is still there after this is killed. */
const EXIT_MS = 2000;

export interface WorkerToEnd {
  readonly index: number;
  readonly process: WorkerProcess;
  readonly calls: Pick<WorkerCalls, 'drain'>;
}

/** Drains a worker within `seconds`, and kills it where that doesn't come to an end. Resolves when it has exited. */
export async function endWorker(
  { index, process, calls }: WorkerToEnd,
  seconds: number,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const exited = new Promise<void>((resolve) => process.onExit(() => resolve()));
  const kill = () => process.kill();
  // A worker that is stuck doesn't answer at all.
  const cancelStuck = clock.after(seconds * 1000 + DRAIN_MARGIN_MS, kill);
  await calls.drain(seconds).catch((error: unknown) => {
    logger.error({ err: error, worker: index }, 'a worker did not drain, its mail waits for the lease');
  });
  cancelStuck();
  const cancel = clock.after(EXIT_MS, kill);
  await exited;
  cancel();
}
