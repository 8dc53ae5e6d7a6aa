/**
 * Clients that send without pause over kept connections, connect again when the server is gone, and enter every 250
 * in the books. Sizes and numbers of recipients vary; some messages are larger than what the queue keeps inline.
 */
import { SmtpClient } from '../support/smtp-client.ts';
import { sleep } from '../support/wait.ts';
import { type Account, compose } from './account.ts';

export interface Load {
  /** Messages answered with something else than 250, by code. */
  readonly refused: ReadonlyMap<number, number>;
  stop(): Promise<void>;
}

const SIZES = [200, 200, 800, 2000, 4000, 4000, 12_000, 40_000, 150_000];
/** Messages of one connection, so that connections end by QUIT too. */
const PER_CONNECTION = 50;

export function startLoad(port: number, sessions: number, account: Account, kills: () => number): Load {
  const refused = new Map<number, number>();
  let running = true;
  let next = 0;

  const connection = async (session: number) => {
    const { client } = await SmtpClient.connect(port);
    try {
      await client.command('EHLO load.chaos.test');
      for (let sent = 0; running && sent < PER_CONNECTION; sent += 1) {
        next += 1;
        const number = next;
        const id = `m${number}-s${session}`;
        const recipients = [number % 2 === 0 ? `a${number}@relayed.test` : `a${number}@local.test`];
        if (number % 7 === 0) recipients.push(`b${number}@relayed.test`, `c${number}@local.test`);
        const content = compose(id, SIZES[number % SIZES.length]!);
        const reply = await client.send({ from: `load${session}@chaos.test`, to: recipients, content });
        if (reply.code === 250) account.acknowledge(id, { kill: kills(), recipients });
        else {
          refused.set(reply.code, (refused.get(reply.code) ?? 0) + 1);
          return;
        }
      }
      await client.command('QUIT');
    } finally {
      client.close();
    }
  };

  const session = async (number: number) => {
    while (running) {
      try {
        await connection(number);
      } catch {
        // The server was killed, or isn't back yet.
        await sleep(10);
      }
    }
  };
  const all = Array.from({ length: sessions }, (_, index) => session(index));
  return {
    refused,
    async stop() {
      running = false;
      await Promise.all(all);
    },
  };
}
