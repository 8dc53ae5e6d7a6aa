/** A writer under load is killed, again and again: whatever it answered is there for the next one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { systemRandom } from '../random.ts';
import { nodeDisk } from './disk.ts';
import { openQueue } from './queue.ts';
import { contentOf, TEST_CONFIG } from './testing/test-queue.ts';

const WRITER = fileURLToPath(new URL('testing/writer.main.ts', import.meta.url));
const ROUNDS = 5;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postrider-queue-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Everything that the writer said before it was killed. */
async function writeAndKill(answers: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.length > answers * 16) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may have been cut.
  return said.split('\n').slice(0, -1);
}

describe('SIGKILL under load', () => {
  it('loses nothing that was answered', async () => {
    const accepted = new Set<string>();
    const asked = new Set<string>();
    const ended = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const line of await writeAndKill(300 * (round + 1))) {
        const id = line.slice(1);
        if (line.startsWith('+')) accepted.add(id);
        else if (line.startsWith('?')) asked.add(id);
        else ended.add(id);
      }
    }
    expect(accepted.size).toBeGreaterThan(ROUNDS * 50);
    const quiet = (): void => undefined;
    const queue = await openQueue(
      { ...TEST_CONFIG, path: folder },
      {
        disk: nodeDisk,
        clock: systemClock,
        random: systemRandom,
        log: { info: quiet, warn: quiet, error: quiet },
      },
    );
    // Each new writer has adopted the lane of the one before.
    expect(queue.counts().lanes).toBe(1);
    expect([...accepted].filter((id) => !asked.has(id) && !queue.entry(id))).toEqual([]);
    expect([...ended].filter((id) => queue.entry(id))).toEqual([]);
    expect(queue.counts().damaged).toBe(0);
    for (const { id, size } of queue.entries()) {
      expect((await contentOf(queue, id))?.equals(Buffer.alloc(size, id)), id).toBe(true);
    }
    await queue.release();
  });
});
