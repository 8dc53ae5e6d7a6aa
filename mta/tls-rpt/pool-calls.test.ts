import { describe, expect, it } from 'vitest';
import { Wire } from '../fleet/testing/wire.ts';
import { answerCounts, type CountsTaker, countsPeers } from './pool-calls.ts';
import { MOST_LINES_BYTES } from './tally.ts';

const DAY = '2026-11-29';
const WRITER = '0123456789abcdef';

function wire(taker: CountsTaker['takeCounts'] | undefined) {
  const between = new Wire();
  answerCounts(between.join('there'), () => taker && { takeCounts: taker });
  const calls = between.join('here');
  const peers = countsPeers(calls);
  const give = (day: string, writer: string, counts = Buffer.from('x')) =>
    peers.give('there', day, writer, counts);
  return { calls, peers, give };
}

describe('counts over the fleet channel', () => {
  it.each([true, false])('come as they are, and so does the answer: %s', async (isTaken) => {
    const came: unknown[] = [];
    const { give } = wire(async (day, writer, counts) => {
      came.push([day, writer, Buffer.from(counts).toString()]);
      return isTaken;
    });
    expect(await give(DAY, WRITER, Buffer.from('{"ü":1}\n'))).toBe(isTaken);
    expect(came).toEqual([[DAY, WRITER, '{"ü":1}\n']]);
  });

  it('are not taken where no worker is there to report', async () => {
    expect(await wire(undefined).give(DAY, WRITER)).toBe(false);
  });

  it.each([
    ['2026-02-31', WRITER],
    ['../../etc', WRITER],
    [DAY, '../../../../x'],
    [DAY, `${WRITER}0`],
    [DAY, ''],
  ])('are refused under names that are none: %s %s', async (day, writer) => {
    const { give } = wire(() => expect.fail());
    await expect(give(day, writer)).rejects.toMatchObject({ code: 'UsageError' });
  });

  it('are refused where they are more than anybody writes', async () => {
    const { give } = wire(() => expect.fail());
    await expect(give(DAY, WRITER, Buffer.alloc(MOST_LINES_BYTES + 1))).rejects.toMatchObject({
      code: 'UsageError',
    });
  });

  it('may have been taken by a worker that has died', async () => {
    const { give } = wire(() => Promise.reject(new Error('the process has ended')));
    await expect(give(DAY, WRITER)).rejects.toMatchObject({
      ...{ code: 'QueueUnreachable', message: expect.stringContaining('the process has ended') },
    });
  });
});
