/**
 * The body of a request that a stranger makes, in bounded memory and time, however it is cut into chunks. Rejects with why it can't be had;
 * what is left of it is unread then.
 */
import type { Clock } from '../../clock.ts';
import { within } from '../../within.ts';
import { Gathered } from './gathered.ts';
import { LARGEST_REPORT } from './read.ts';

export type BodyFault = 'late' | 'brokeOff' | 'tooLarge' | 'tooManyChunks' | 'noRoom';

export class BodyRefusal extends Error {
  override readonly name = 'BodyRefusal';
  readonly fault: BodyFault;

  constructor(fault: BodyFault, why: string, options?: ErrorOptions) {
    super(why, options);
    this.fault = fault;
  }
}

const PATIENCE_MS = 60_000;
/** Without an octet. */
const LONGEST_PAUSE_MS = 5000;
/** Each costs time of a processor, be it an octet: so many may be small, and the others are about what a packet holds. */
const MOST_SMALL_CHUNKS = 10_000;
const SMALL_CHUNK = 512;

/** @param hold told how many octets there are by now; false where there is no room for them */
export async function readBody(
  body: AsyncIterable<Buffer>,
  clock: Clock,
  hold: (size: number) => boolean,
): Promise<Buffer> {
  const gathered = new Gathered(LARGEST_REPORT);
  const until = clock.monotonic() + PATIENCE_MS;
  // Not by `for await`: leaving that would destroy the stream, and with it the connection that the answer goes to.
  const chunks = body[Symbol.asyncIterator]();
  for (let count = 1; ; count += 1) {
    const chunk = await nextOf(chunks, clock, Math.min(LONGEST_PAUSE_MS, until - clock.monotonic()));
    if (chunk === undefined) return gathered.bytes();
    if (!gathered.add(chunk)) {
      throw new BodyRefusal('tooLarge', `it is of more than ${LARGEST_REPORT} bytes`);
    }
    if (!hold(gathered.size)) {
      throw new BodyRefusal('noRoom', 'there is no room for a report of this size now, try again later');
    }
    if (count > MOST_SMALL_CHUNKS + gathered.size / SMALL_CHUNK) {
      throw new BodyRefusal('tooManyChunks', 'it is cut into too many chunks');
    }
  }
}

/** Undefined at the end. */
async function nextOf(chunks: AsyncIterator<Buffer>, clock: Clock, ms: number): Promise<Buffer | undefined> {
  let found: IteratorResult<Buffer> | undefined;
  const next = chunks.next().then((result) => {
    found = result;
  });
  try {
    await within(clock, ms, next);
  } catch (cause) {
    throw new BodyRefusal('brokeOff', 'the report broke off', { cause });
  }
  if (found === undefined) {
    // It ends with the connection.
    next.catch(() => {});
    throw new BodyRefusal('late', 'the report was not sent in time');
  }
  return found.done ? undefined : found.value;
}
