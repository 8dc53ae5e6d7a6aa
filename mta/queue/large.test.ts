/** A message of 100 MB through a real disk. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { nodeDisk } from './disk.ts';
import { openQueue } from './queue.ts';
import { depsOf, envelopeOf, jobFor, TEST_CONFIG } from './testing/test-queue.ts';

const CHUNK = 1 << 16;
const SIZE = 100_000_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postrider-queue-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a message of 100 MB', () => {
  it('goes in and comes out as it was, a piece at a time', async () => {
    const queue = await openQueue(
      { ...TEST_CONFIG, path: folder },
      { ...depsOf({}), disk: nodeDisk, clock: systemClock },
    );
    const draft = queue.draft();
    const sent = createHash('sha1');
    for (let at = 0; at < SIZE; at += CHUNK) {
      const chunk = Buffer.alloc(Math.min(CHUNK, SIZE - at), `line ${at}\r\n`);
      sent.update(chunk);
      await draft.write(chunk);
    }
    await draft.commit(envelopeOf('large'), [jobFor([0])]);
    const message = await queue.read(draft.id);
    expect(message?.content).toMatchObject({ size: SIZE, bytes: undefined });
    const got = createHash('sha1');
    let largest = 0;
    for await (const chunk of message!.content.stream()) {
      got.update(chunk as Buffer);
      largest = Math.max(largest, (chunk as Buffer).length);
    }
    expect(got.digest('hex')).toBe(sent.digest('hex'));
    expect(largest).toBeLessThanOrEqual(CHUNK);
    await queue.release();
  });
});
