/** What many deferred messages cost: memory while they wait, and the time to be back after a SIGKILL. */
import { DELIVERY, relay } from '../support/config.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { queue } from '../support/queue.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';
import type { BenchOptions } from './options.ts';
import { residentMiB } from './usage.ts';

export interface Deferred {
  readonly messages: number;
  readonly acceptPerSecond: number;
  readonly emptyMiB: number;
  readonly heldMiB: number;
  readonly bytesPerMessage: number;
  /** From the start of the process over the full queue until it is ready and knows every message. */
  readonly recoverySeconds: number;
  readonly recoveredMiB: number;
}

const SESSIONS = 50;
const BODY = `${'A line of a message that will have to wait for a while.\r\n'.repeat(35)}`;

export async function measureDeferred(options: BenchOptions): Promise<Deferred> {
  const nobody = await freePort();
  const mta = await startMta({
    folder: temporaryFolder('bench-deferred', options.dir),
    readyMs: 120_000,
    config: () => ({
      workers: options.workers,
      relays: [relay('down', '127.0.0.1', nobody)],
      delivery: {
        ...DELIVERY,
        retry: { initialSeconds: 3600, factor: 2, maxSeconds: 14_400, jitter: 0.2 },
      },
    }),
  });
  try {
    const emptyMiB = residentMiB(mta.running.pid);
    const began = performance.now();
    await fill(mta.ports.smtp, options.deferredMessages);
    const acceptPerSecond = options.deferredMessages / ((performance.now() - began) / 1000);
    await known(mta, options.deferredMessages);
    const heldMiB = residentMiB(mta.running.pid);

    await mta.kill9();
    const restarted = performance.now();
    await mta.restart();
    await known(mta, options.deferredMessages);
    const recoverySeconds = (performance.now() - restarted) / 1000;
    return {
      messages: options.deferredMessages,
      acceptPerSecond,
      emptyMiB,
      heldMiB,
      bytesPerMessage: ((heldMiB - emptyMiB) * 1024 * 1024) / options.deferredMessages,
      recoverySeconds,
      recoveredMiB: residentMiB(mta.running.pid),
    };
  } finally {
    await mta.stop();
  }
}

/** Fills the queue with messages of different senders and recipients, 2 KB each. */
async function fill(port: number, messages: number): Promise<void> {
  let next = 0;
  const session = async () => {
    const { client } = await SmtpClient.connect(port);
    await client.command('EHLO source.test');
    while (next < messages) {
      next += 1;
      const id = next;
      const content = `From: <user${id}@source.test>\r\nMessage-ID: <${id}@source.test>\r\nSubject: wait\r\n\r\n${BODY}`;
      const to = [`someone${id}@domain${id % 1000}.test`];
      const reply = await client.send({ from: `user${id}@source.test`, to, content });
      if (reply.code !== 250) throw new Error(`message ${id} was refused: ${reply.text}`);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: SESSIONS }, session));
}

async function known(mta: Mta, messages: number): Promise<void> {
  await waitFor(`${messages} messages in the queue`, async () => (await queue(mta)).messages === messages, {
    timeoutMs: 120_000,
    everyMs: 50,
  });
}
