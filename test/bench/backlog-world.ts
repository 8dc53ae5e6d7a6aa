/** Where the backlog is for: a name server and next hops on loopback that are quick, slow, silent, or not there. */
import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { decode, encode } from 'dns-packet';
import { freePort } from '../support/ports.ts';
import { type Delivered, startSink } from '../support/sink.ts';

/** Nobody listens there; accepts and says nothing; delivers at once; takes a second for each message. */
const ADDRESSES = {
  'down.test': '127.0.0.4',
  'silent.test': '127.0.0.2',
  'quick.test': '127.0.0.3',
  'slow.test': '127.0.0.5',
};
const SLOW_MS = 1000;
/** Of so many destinations of the backlog one is silent, the others are down. */
const SILENT_OF = 10;

export function backlogDomain(number: number): string {
  return `d${number}.${number % SILENT_OF === 0 ? 'silent' : 'down'}.test`;
}

export interface BacklogWorld {
  /** `127.0.0.1:port` of the name server. */
  readonly resolver: string;
  readonly mxPort: number;
  /** When the quick hosts took each message, by its recipient, on this process's monotonic clock. */
  readonly quick: ReadonlyMap<string, number>;
  /** Messages that the slow hosts have taken. */
  slow(): number;
  close(): Promise<void>;
}

export async function startBacklogWorld(): Promise<BacklogWorld> {
  const mxPort = await freePort();
  const taken = new Map<string, number>();
  let slow = 0;
  const onQuick = ({ to }: Delivered) => {
    for (const address of to) taken.set(address, performance.now());
  };
  const quick = await startSink({ host: ADDRESSES['quick.test'], port: mxPort, onMessage: onQuick });
  const slowSink = await startSink({
    host: ADDRESSES['slow.test'],
    port: mxPort,
    delayMs: SLOW_MS,
    onMessage: () => {
      slow += 1;
    },
  });
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => silent.listen(mxPort, ADDRESSES['silent.test'], resolve));
  const names = createSocket('udp4');
  names.on('message', (bytes, { port, address }) => {
    const { id, questions = [] } = decode(bytes);
    const { name = '', type } = questions[0] ?? {};
    const host = Object.entries(ADDRESSES).find(([suffix]) => name.toLowerCase().endsWith(suffix))?.[1];
    const data = type === 'A' ? host : undefined;
    // Response, recursion desired and available (RFC 1035 §4.1.1).
    const answer = {
      type: 'response' as const,
      ...(id === undefined ? {} : { id }),
      flags: 0x0180,
      questions,
      answers: data === undefined ? [] : [{ type: 'A' as const, name, ttl: 300, data }],
    };
    names.send(encode(answer), port, address);
  });
  await new Promise<void>((resolve) => names.bind(0, '127.0.0.1', resolve));
  return {
    resolver: `127.0.0.1:${names.address().port}`,
    mxPort,
    quick: taken,
    slow: () => slow,
    async close() {
      names.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
      await quick.close();
      await slowSink.close();
    },
  };
}
