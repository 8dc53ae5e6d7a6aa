/**
 * Fills one lane with deferred messages and lets it go, through the queue's own code: by SMTP, and with a real attempt at
 * each, a million would take a quarter of an hour. `node backlog-fill.main.ts QUEUE-CONFIG FIRST COUNT DESTINATIONS`
 */
import { systemClock } from '../../mta/clock.ts';
import type { QueueConfig } from '../../mta/config.ts';
import { nodeDisk } from '../../mta/queue/disk.ts';
import { openQueue } from '../../mta/queue/queue.ts';
import { systemRandom } from '../../mta/random.ts';
import { backlogDomain } from './backlog-world.ts';

const [config = '', from = '', count = '', destinations = ''] = process.argv.slice(2);
const SIZE = 2048;
const SENDERS = 2000;
/** Messages under way at once, which share their syncs. */
const AT_ONCE = 1000;
const DUE_IN_MS = 12 * 3_600_000;
const REPLY = { code: 451, enhanced: '4.4.1', text: 'No answer from host' };

const quiet = (): void => undefined;
const queue = await openQueue(JSON.parse(config) as QueueConfig, {
  disk: nodeDisk,
  clock: systemClock,
  random: systemRandom,
  log: { info: quiet, warn: quiet, error: console.error },
});

const line = `${'x'.repeat(76)}\r\n`;
const text = Buffer.from(`From: <f@source.test>\r\nSubject: wait\r\n\r\n${line.repeat(SIZE / line.length)}`);
const end = Number(from) + Number(count);
let next = Number(from);

async function write(): Promise<void> {
  while (next < end) {
    const number = next;
    next += 1;
    const domain = backlogDomain(number % Number(destinations));
    const draft = queue.draft();
    await draft.write(text);
    const arrivedAt = Date.now();
    const job = { destination: `mx:${domain}`, recipients: [0], attempts: 0, dueAt: arrivedAt };
    await draft.commit(
      {
        from: `user${number}@sender${number % SENDERS}.test`,
        recipients: [{ address: `someone${number}@${domain}` }],
        arrivedAt,
        origin: { listener: 'smtp', clientAddress: '127.0.0.1', protocol: 'ESMTP' },
      },
      [job],
    );
    const dueAt = arrivedAt + DUE_IN_MS + (number % 3_600_000);
    await queue.settle(draft.id, { ended: [], deferred: [{ ...job, attempts: 1, dueAt, lastReply: REPLY }] });
  }
}

// The queue's own timers keep no process alive.
const alive = setInterval(quiet, 1000);
await Promise.all(Array.from({ length: AT_ONCE }, write));
await queue.release();
clearInterval(alive);
