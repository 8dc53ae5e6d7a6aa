/**
 * Clients that send over kept connections, connect again when the server is gone, and enter every 250
 * in the books. Sizes and numbers of recipients vary; some messages are larger than what the queue keeps inline.
 */
import { SmtpClient } from '../support/smtp-client.ts';
import { sleep } from '../support/wait.ts';
import { type Account, compose } from './account.ts';

export interface LoadOptions {
  /** Of the servers, among which the sessions are divided. */
  readonly ports: readonly number[];
  /** Loopback where it isn't given. */
  readonly host?: string;
  readonly sessions: number;
  readonly account: Account;
  /** What the ids of its messages begin with, where another load's may arrive too. */
  readonly series?: string;
  /** Kills that have happened. */
  readonly kills: () => number;
  /** Between two messages of a session; 0 where it isn't given. */
  readonly pauseMs?: number;
  /** Gets some of the recipients: mail for it is deferred now and then. */
  readonly later?: string;
}

export interface Load {
  /** Messages that were handed to the servers, whatever became of them. */
  readonly sent: number;
  /** Messages answered with something else than 250, by code. */
  readonly refused: ReadonlyMap<number, number>;
  stop(): Promise<void>;
}

const SIZES = [200, 200, 800, 2000, 4000, 4000, 12_000, 40_000, 150_000];
/** Messages of one connection, so that connections end by QUIT too. */
const PER_CONNECTION = 50;
/** A server whose whole machine has gone does not say so. */
const PATIENCE_MS = 30_000;

export function startLoad(options: LoadOptions): Load {
  const { ports, host, sessions, account, series = '', kills, pauseMs = 0, later } = options;
  const refused = new Map<number, number>();
  let running = true;
  let next = 0;

  const connection = async (session: number) => {
    const { client } = await SmtpClient.connect(ports[session % ports.length]!, host, PATIENCE_MS);
    try {
      await client.command('EHLO load.chaos.test');
      for (let sent = 0; running && sent < PER_CONNECTION; sent += 1) {
        next += 1;
        const number = next;
        const id = `${series}m${number}-s${session}`;
        const recipients = [number % 2 === 0 ? `a${number}@relayed.test` : `a${number}@local.test`];
        if (number % 7 === 0) recipients.push(`b${number}@relayed.test`, `c${number}@local.test`);
        if (later !== undefined && number % 5 === 0) recipients.push(`d${number}@${later}`);
        const content = compose(id, SIZES[number % SIZES.length]!);
        const reply = await client.send({ from: `load${session}@chaos.test`, to: recipients, content });
        if (reply.code === 250) account.acknowledge(id, { kill: kills(), recipients });
        else {
          refused.set(reply.code, (refused.get(reply.code) ?? 0) + 1);
          await sleep(pauseMs);
          return;
        }
        if (pauseMs > 0) await sleep(pauseMs);
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
        await sleep(10 + pauseMs);
      }
    }
  };
  const all = Array.from({ length: sessions }, (_, index) => session(index));
  return {
    refused,
    get sent() {
      return next;
    },
    async stop() {
      running = false;
      await Promise.all(all);
    },
  };
}
