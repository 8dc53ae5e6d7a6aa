/**
 * The other members as a worker that hands messages over sees them: asks them through its supervisor. Frames go in pieces
 * of a bounded size, each of which is answered before the next. Rejects as `FleetChannel.request` does, with `LaneGone`
 * where the lane is no more, and with `UsageError` where an answer is none.
 */
import type { z } from 'zod';
import type { Peers } from '../queue/transfer/peer.ts';
import { HAND_OVER_PATHS, lanesAnswer, openedAnswer, PIECE_BYTES, sentAnswer } from './hand-over-messages.ts';
import type { MemberCalls, MemberName } from './types.ts';
import { FLEET_VERSION, parseFrom } from './version.ts';

const NOTHING = new Uint8Array();

export function handOverPeers(calls: MemberCalls): Peers {
  async function ask<T>(
    schema: z.ZodType<T>,
    member: MemberName,
    path: keyof typeof HAND_OVER_PATHS,
    query: Readonly<Record<string, string>>,
  ): Promise<T> {
    const answer = await calls.ask(member, HAND_OVER_PATHS[path], query, NOTHING);
    return parseFrom(schema, answer, FLEET_VERSION);
  }
  return {
    members: () => calls.members(),
    lanes: async (member) => (await ask(lanesAnswer, member, 'lanes', {})).lanes,
    open: ({ member, lane }, batch) => ask(openedAnswer, member, 'open', { lane, batch }),
    async send({ member }, batch, session, frames) {
      for await (const piece of inPieces(frames)) {
        await calls.ask(member, HAND_OVER_PATHS.send, { batch, session }, piece);
      }
      const { refused, ...sent } = await ask(sentAnswer, member, 'finish', { batch, session });
      return refused === undefined ? sent : { ...sent, refused };
    },
    async done({ member, lane }, batch, session) {
      await calls.ask(member, HAND_OVER_PATHS.done, { lane, batch, session }, NOTHING);
    },
  };
}

/** The same bytes, in pieces of one size but for the last. */
async function* inPieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    for (let rest = chunk; rest.length > 0; ) {
      const part = rest.subarray(0, PIECE_BYTES - size);
      gathered.push(part);
      size += part.length;
      rest = rest.subarray(part.length);
      if (size < PIECE_BYTES) continue;
      yield Buffer.concat(gathered);
      gathered = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(gathered);
}
