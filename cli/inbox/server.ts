/**
 * The inbox of the local mode: an LMTP server that files mail as Maildir and fails where a recipient's name asks for
 * it. `listen` rejects with `PostriderError` PortInUse.
 */
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { bindError } from '../../mta/bind-error.ts';
import { type Clock, systemClock } from '../../mta/clock.ts';
import { type Random, systemRandom } from '../../mta/random.ts';
import { maildir } from './maildir.ts';
import { type InboxEvent, lmtpSession } from './session.ts';

export interface Inbox {
  readonly port: number;
  /** Cuts what is open; a message without its 250 stays with whoever was sending it. */
  close(): Promise<void>;
}

export interface InboxOptions {
  /** Folder with a Maildir per address; made where it is missing. */
  readonly root: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly onEvent: (event: InboxEvent) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

const ADDRESS = '127.0.0.1';

export async function startInbox(options: InboxOptions): Promise<Inbox> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const spool = join(options.root, '.spool');
  await mkdir(spool, { recursive: true, mode: 0o700 });
  const parts = {
    maildir: maildir(options.root, clock, random),
    spool,
    refusals: new Map<string, number>(),
    clock,
    random,
    onEvent: options.onEvent,
  };

  const sessions = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    const session = lmtpSession(socket, parts)
      // The connection broke: whoever sends keeps the message.
      .catch(() => undefined)
      .finally(() => {
        socket.destroySoon();
        sessions.delete(socket);
      });
    sessions.set(socket, session);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(bindError(error, { name: 'inbox', address: ADDRESS, port: options.port })),
    );
    server.listen(options.port, ADDRESS, resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const running = [...sessions];
      for (const [socket] of running) socket.destroy();
      await Promise.all(running.map(([, session]) => session));
      await closed;
    },
  };
}
