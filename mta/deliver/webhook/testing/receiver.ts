/**
 * A receiver on loopback that reads requests from raw bytes and writes what a test wants it to write. What it was sent is
 * there to look at, byte for byte.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { peerCertificate, peerKey } from '../../testing/certificate.ts';

/** The connection is cut, or nothing is said on it from now on. */
export const CUT = Symbol('cut');
export const SILENCE = Symbol('silence');

export interface Request {
  /** `POST /path HTTP/1.1`. */
  readonly line: string;
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Counted from 1. */
  readonly connection: number;
}

export type Says = string | typeof CUT | typeof SILENCE;

export interface ReceiverScript {
  readonly answer?: (request: Request) => Says;
  /** Said as soon as the head of a request is there. */
  readonly early?: Says;
  readonly tls?: true;
  /** Reads no more than the head. */
  readonly deaf?: true;
}

export interface Receiver {
  readonly port: number;
  readonly requests: readonly Request[];
  /** Bytes of bodies that ended before their length. */
  readonly partial: readonly number[];
  connections(): number;
  open(): number;
  /** Says something out of turn, on all connections. */
  say(text: string): void;
  /** Cuts all connections. */
  cut(): void;
  close(): Promise<void>;
}

/** A whole answer. */
export function http(status: string, body = '', fields: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ 'Content-Length': Buffer.byteLength(body), ...fields }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`;
}

export const json = (status: string, document: unknown): string =>
  http(status, typeof document === 'string' ? document : JSON.stringify(document), {
    'Content-Type': 'application/json; charset=utf-8',
  });

export async function startReceiver(script: ReceiverScript = {}): Promise<Receiver> {
  const requests: Request[] = [];
  const partial: number[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const serve = (socket: Socket): void => {
    connections += 1;
    const connection = connections;
    let pending: Buffer = Buffer.alloc(0);
    let head: Omit<Request, 'body'> | undefined;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      if (head !== undefined) partial.push(pending.length);
    });
    const say = (says: Says): void => {
      if (says === CUT) socket.destroy();
      else if (says !== SILENCE) socket.write(says);
    };
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      for (;;) {
        if (head === undefined) {
          const end = pending.indexOf('\r\n\r\n');
          if (end < 0) return;
          const [line = '', ...fields] = pending.toString('latin1', 0, end).split('\r\n');
          head = { line, fields: new Map(fields.map(fieldOf)), connection };
          pending = pending.subarray(end + 4);
          if (script.deaf === true) socket.pause();
          if (script.early !== undefined) return say(script.early);
        }
        const length = Number(head.fields.get('content-length'));
        if (pending.length < length) return;
        const request = { ...head, body: pending.subarray(0, length) };
        pending = pending.subarray(length);
        head = undefined;
        requests.push(request);
        say(script.answer?.(request) ?? http('200 OK'));
      }
    });
  };
  const server =
    script.tls === true
      ? createTlsServer({ key: peerKey, cert: peerCertificate }, serve)
      : createServer(serve);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...{ requests, partial },
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    open: () => sockets.size,
    say(text) {
      for (const socket of sockets) socket.write(text);
    },
    cut,
    async close() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** The parts of a multipart/form-data body (RFC 7578), each with its head as it came. */
export function partsOf({ fields, body }: Request): { head: string; content: Buffer }[] {
  const boundary = /boundary=(\S+)$/.exec(fields.get('content-type') ?? '')?.[1] ?? '';
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts: { head: string; content: Buffer }[] = [];
  for (let at = text.indexOf(delimiter); ; ) {
    const next = text.indexOf(delimiter, at + 1);
    if (next < 0) return parts;
    const part = text.subarray(at + delimiter.length + 2, next);
    const end = part.indexOf('\r\n\r\n');
    parts.push({ head: part.toString('latin1', 0, end), content: part.subarray(end + 4) });
    at = next;
  }
}
