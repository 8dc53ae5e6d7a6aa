/** A process that commits and settles as fast as it can, and says what was answered: for tests that kill it. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../clock.ts';
import { systemRandom } from '../../random.ts';
import { nodeDisk } from '../disk.ts';
import { openQueue } from '../queue.ts';
import { DELIVERED, envelopeOf, jobFor, TEST_CONFIG } from './test-queue.ts';

const quiet = (): void => undefined;
const queue = await openQueue(
  { ...TEST_CONFIG, path: process.argv[2]!, segmentBytes: 1 << 20 },
  {
    disk: nodeDisk,
    clock: systemClock,
    random: systemRandom,
    log: { info: quiet, warn: quiet, error: quiet },
  },
);

async function write(): Promise<void> {
  for (let i = 0; ; i += 1) {
    const draft = queue.draft();
    const content = Buffer.alloc(i % 10 === 0 ? 5000 : 700, draft.id);
    await draft.write(content);
    await draft.commit(envelopeOf('m'), [jobFor([0])]);
    // Synchronous: what the parent has read was answered.
    writeSync(1, `+${draft.id}\n`);
    if (i % 3 === 0) continue;
    writeSync(1, `?${draft.id}\n`);
    await queue.settle(draft.id, DELIVERED);
    writeSync(1, `-${draft.id}\n`);
  }
}

// The queue's own timers keep no process alive.
setInterval(() => undefined, 1000);
await Promise.all(Array.from({ length: 10 }, write));
