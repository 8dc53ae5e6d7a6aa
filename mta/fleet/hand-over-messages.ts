/** What members say when messages move between them: paths, questions and answers. Bodies of `send` are frames. */
import { z } from 'zod';
import type { ReceivingWorker } from './types.ts';

export const HAND_OVER_PATHS = {
  lanes: '/transfer/lanes',
  open: '/transfer/open',
  send: '/transfer/send',
  finish: '/transfer/finish',
  done: '/transfer/done',
} as const;

/** Bytes of frames in one call: each is answered before the next, so that neither side holds more. */
export const PIECE_BYTES = 512 * 1024;

const name = z.string().min(1).max(512);
const kept = z.array(z.tuple([z.int().positive(), name]));

export const ofBatch = z.object({ lane: name, batch: name });
export const ofSession = z.object({ batch: name, session: name });
export const ofLaneAndSession = z.object({ lane: name, batch: name, session: name });

export const lanesAnswer = z.object({ lanes: z.array(name) });
export const openedAnswer = z.object({ session: name, taking: z.boolean(), kept });
export const sentAnswer = z.object({ kept, refused: z.string().optional() });

/** A session's name on the wire says which worker has it: whoever starts in its place doesn't know it. */
export function sessionOf(worker: number, session: string): string {
  return `${worker}.${session}`;
}

export function workerOfSession(
  workers: ReadonlyMap<number, ReceivingWorker>,
  name: string,
): { readonly worker: ReceivingWorker | undefined; readonly session: string } {
  const dot = name.indexOf('.');
  return { worker: workers.get(Number(name.slice(0, dot))), session: name.slice(dot + 1) };
}
