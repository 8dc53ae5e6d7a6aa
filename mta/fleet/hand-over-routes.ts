/**
 * Answers members that hand messages over to this pod: finds the worker that has the lane, or the session, and passes on
 * what it says. Lanes go from one worker of a pod to another, so all of them are asked. A lane that is none of theirs just
 * now is `LaneLost`, which is asked again; `LaneGone` is answered only where its folder is no more.
 */
import { PostriderError } from '../errors.ts';
import { readBytes } from './body.ts';
import {
  HAND_OVER_PATHS,
  ofBatch,
  ofLaneAndSession,
  ofSession,
  PIECE_BYTES,
  sessionOf,
  workerOfSession,
} from './hand-over-messages.ts';
import type { FleetChannel, ReceivingWorker } from './types.ts';
import { FLEET_VERSION, parseFrom } from './version.ts';

/** Those that are ready, by their index. */
export type ReceivingWorkers = () => ReadonlyMap<number, ReceivingWorker>;

/** @param onVolume whether a lane is on the volume, where there is no worker to ask: a pod that is drained has none */
export function answerHandOver(
  channel: Pick<FleetChannel, 'route'>,
  workers: ReceivingWorkers,
  onVolume: (lane: string) => Promise<boolean>,
): void {
  const { lanes, open, send, finish, done } = HAND_OVER_PATHS;
  channel.route(lanes, async () => {
    const offered = await Promise.all(Array.from(workers().values(), (worker) => receivingLane(worker)));
    return { lanes: offered.filter((lane) => lane !== undefined) };
  });
  channel.route(open, async ({ from, query }) => {
    const { lane, batch } = parseFrom(ofBatch, query, FLEET_VERSION);
    for (const [index, worker] of workers()) {
      const opened = await unlessNotThere(worker.openReception(lane, batch, from));
      if (opened) return { ...opened, session: sessionOf(index, opened.session) };
    }
    throw await absence(workers(), lane, onVolume);
  });
  channel.route(send, async ({ query, body }) => {
    const { batch, session: name } = parseFrom(ofSession, query, FLEET_VERSION);
    const { worker, session } = workerOf(workers(), batch, name);
    await answered(worker.receive(batch, session, await readBytes(body, PIECE_BYTES)));
  });
  channel.route(finish, async ({ query }) => {
    const { batch, session: name } = parseFrom(ofSession, query, FLEET_VERSION);
    const { worker, session } = workerOf(workers(), batch, name);
    return answered(worker.finishReception(batch, session));
  });
  channel.route(done, async ({ query }) => {
    const { lane, batch, session: name } = parseFrom(ofLaneAndSession, query, FLEET_VERSION);
    const { worker, session } = workerOf(workers(), batch, name);
    await answered(worker.closeReception(lane, batch, session));
  });
}

/** One that dies meanwhile offers nothing. */
function receivingLane(worker: ReceivingWorker): Promise<string | undefined> {
  return worker.receivingLane().catch(() => undefined);
}

/** Undefined where the lane is not in that worker. */
async function unlessNotThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answered(answer);
  } catch (error) {
    if (error instanceof PostriderError && error.code === 'LaneLost') return undefined;
    throw error;
  }
}

/** A worker that has no answer has died, or its disk has failed: a reason to ask again, and no defect. */
async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PostriderError) throw error;
    throw new PostriderError('LaneLost', `a worker could not answer: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function workerOf(workers: ReturnType<ReceivingWorkers>, batch: string, name: string) {
  const { worker, session } = workerOfSession(workers, name);
  if (worker !== undefined) return { worker, session };
  throw new PostriderError('TransferOver', `the worker that had batch ${batch} is gone`);
}

/** Why no worker has the lane. Where the volume doesn't tell, it may be there. */
async function absence(
  workers: ReturnType<ReceivingWorkers>,
  lane: string,
  onVolume: (lane: string) => Promise<boolean>,
): Promise<PostriderError> {
  const [worker] = workers.values();
  let reason = 'is in no worker just now';
  try {
    const isThere = await (worker === undefined ? onVolume(lane) : worker.laneOnVolume(lane));
    if (!isThere) return new PostriderError('LaneGone', `lane ${lane} is no more`);
  } catch (error) {
    reason = `can't be looked for: ${(error as Error).message}`;
  }
  return new PostriderError('LaneLost', `lane ${lane} ${reason}`, {
    hint: 'Ask again when a worker has adopted it.',
  });
}
