/** Counts that go from one pod to another, over the fleet channel: the question, and the answer to it. */
import { z } from 'zod';
import { PostriderError } from '../errors.ts';
import { readBytes } from '../fleet/body.ts';
import type { FleetChannel, MemberCalls } from '../fleet/types.ts';
import { FLEET_VERSION, parseFrom } from '../fleet/version.ts';
import type { CountsPeers } from './pool.ts';
import { startOf } from './report.ts';
import { MOST_LINES_BYTES } from './tally.ts';

const PATH = '/tls-reports/counts';

const ofCounts = z.object({
  day: z.string().refine((day) => !Number.isNaN(startOf(day)), 'is no day'),
  writer: z.string().regex(/^[0-9a-f]{16}$/),
});
const taken = z.object({ taken: z.boolean() });

/** What takes counts: the worker that reports. */
export type CountsTaker = {
  /** As `Pool.take`. */
  takeCounts(day: string, writer: string, counts: Uint8Array): Promise<boolean>;
};

export const countsPeers = (calls: MemberCalls): CountsPeers => ({
  members: () => calls.members(),
  async give(member, day, writer, counts) {
    const answer = await calls.ask(member, PATH, { day, writer }, counts);
    return parseFrom(taken, answer, FLEET_VERSION).taken;
  },
});

/** @param taker undefined while there is none: then nothing is taken */
export function answerCounts(
  channel: Pick<FleetChannel, 'route'>,
  taker: () => CountsTaker | undefined,
): void {
  channel.route(PATH, async ({ query, body }) => {
    const { day, writer } = parseFrom(ofCounts, query, FLEET_VERSION);
    const counts = await readBytes(body, MOST_LINES_BYTES);
    return { taken: await (taker()?.takeCounts(day, writer, counts).catch(unanswered) ?? false) };
  });
}

/** A worker that has died, or a disk that has failed, is a reason to ask again, and no defect. */
function unanswered(error: Error): never {
  if (error instanceof PostriderError) throw error;
  throw new PostriderError('QueueUnreachable', `Counts may not have been taken: ${error.message}`, {
    cause: error,
  });
}
