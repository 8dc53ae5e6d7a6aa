/**
 * A next hop on loopback that follows a script: for each verb what it answers, or how it misbehaves. What it was sent
 * is there for a test to look at.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { peerCertificate, peerKey } from './certificate.ts';

/** The connection is cut, or nothing is said on it from now on. */
export const CUT = Symbol('cut');
export const SILENCE = Symbol('silence');

/** Text is sent as it is, with CRLF; several one after the other. */
export type Says = OneSays | readonly OneSays[];
type OneSays = string | typeof CUT | typeof SILENCE;
type Tls = 'real' | 'garbage' | typeof CUT | typeof SILENCE;
type Step = Says | ((line: string, connection: number) => Says);

export interface Identity {
  readonly key: string;
  readonly certificate: string;
}

export interface Script {
  readonly greeting?: Step;
  /** Verb → answer; `content` is what follows the final dot, `early` what is said as soon as content begins, `midway` once some of it has come. */
  readonly answers?: Readonly<Record<string, Step>>;
  /** Handshake at once. */
  readonly implicitTls?: boolean;
  /** What answers a client's TLS handshake after STARTTLS: a real one by default. */
  readonly tls?: Tls | ((connection: number) => Tls);
  /** Instead of the certificate of `peer.test`: PEM, the chain after the certificate itself; and those by name in SNI, whose others get the first. */
  readonly identity?: Identity;
  readonly identities?: Readonly<Record<string, Identity>>;
  /** Highest version spoken. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Never reads content. */
  readonly deaf?: boolean;
  /** Keeps a connection for so long after QUIT. */
  readonly lingerMs?: number;
}

export interface Peer {
  readonly port: number;
  /** Commands of all connections, in order. */
  readonly lines: string[];
  /** Those of them that came over TLS. */
  readonly secured: string[];
  /** Contents as they came over the wire, final dot of DATA included. */
  readonly contents: Buffer[];
  /** Bytes of content that came without a final dot. */
  readonly partial: number[];
  /** Chunks in which anything came. */
  readonly chunks: Buffer[];
  /** Where each connection came from. */
  readonly from: string[];
  /** In SNI. */
  readonly serverNames: string[];
  connections(): number;
  open(): number;
  /** The most that were open at a time. */
  mostOpen(): number;
  /** Says something out of turn, on all connections. */
  say(text: string): void;
  cutAll(): void;
  close(): Promise<void>;
}

/** An answer to EHLO. */
export const WITHOUT_PIPELINING = '250-peer.test\r\n250 SIZE 1000';

const DEFAULTS: Readonly<Record<string, Step>> = {
  EHLO: '250-peer.test\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES',
  LHLO: '250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES',
  HELO: '250 peer.test',
  MAIL: '250 2.1.0 Ok',
  RCPT: '250 2.1.5 Ok',
  DATA: '354 Go ahead',
  BDAT: '250 2.0.0 Octets received',
  content: '250 2.0.0 Taken',
  RSET: '250 2.0.0 Ok',
  QUIT: '221 2.0.0 Bye',
  STARTTLS: '220 2.0.0 Go ahead',
  AUTH: '235 2.7.0 Welcome',
};

const FINAL_DOT = Buffer.from('\r\n.\r\n');

/** What follows DATA, up to its final dot; the CRLF of DATA itself may be the first half of that. */
class Content {
  readonly #chunks: Buffer[] = [];
  #tail: Buffer = Buffer.from('\r\n');
  size = 2;

  /** What comes behind the final dot, once that has come. */
  take(chunk: Buffer): Buffer | undefined {
    const tail = this.#tail;
    const seen = Buffer.concat([tail, chunk]);
    const at = seen.indexOf(FINAL_DOT);
    const used = at < 0 ? chunk.length : at + FINAL_DOT.length - tail.length;
    this.#chunks.push(chunk.subarray(0, used));
    this.size += used;
    this.#tail = seen.subarray(-(FINAL_DOT.length - 1));
    return at < 0 ? undefined : chunk.subarray(used);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** On a port of the system's choice, where none is given. */
export async function startPeer(
  script: Script = {},
  { address = '127.0.0.1', port = 0 }: { address?: string; port?: number } = {},
): Promise<Peer> {
  const answers = { ...DEFAULTS, ...script.answers };
  const sockets = new Set<Socket>();
  const state = {
    lines: [] as string[],
    secured: [] as string[],
    contents: [] as Buffer[],
    partial: [] as number[],
    chunks: [] as Buffer[],
    from: [] as string[],
    serverNames: [] as string[],
  };
  let count = 0;
  let most = 0;

  const serve = (socket: Socket, connection: number, greet: boolean): void => {
    sockets.add(socket);
    if (greet) state.from.push(String(socket.remoteAddress));
    socket.on('error', () => socket.destroy());
    let pending: Buffer = Buffer.alloc(0);
    let content: Content | undefined;
    /** Octets of a BDAT that are still to come, and what came by those before it. */
    let chunk: { left: number; readonly isLast: boolean } | undefined;
    let binary: Buffer = Buffer.alloc(0);
    let silent = false;
    let isMidway = false;
    socket.on('close', () => {
      sockets.delete(socket);
      if (content !== undefined) {
        state.partial.push(content.size);
      }
    });

    const sayOne = (says: OneSays): void => {
      silent ||= says === SILENCE;
      if (says === CUT) {
        socket.destroy();
      } else if (!silent) {
        socket.write(`${String(says)}\r\n`);
      }
    };

    /** Whether it is a positive answer. */
    const say = (step: Step, line: string): boolean => {
      const says = typeof step === 'function' ? step(line, connection) : step;
      const all: readonly OneSays[] = typeof says === 'object' ? says : [says];
      for (const one of all) sayOne(one);
      return typeof all[0] === 'string' && /^[23]/.test(all[0]);
    };

    const command = (line: string): void => {
      state.lines.push(line);
      if (socket instanceof TLSSocket) state.secured.push(line);
      const [verb = '', size, last] = line.toUpperCase().split(' ');
      if (verb === 'BDAT') {
        chunk = { left: Number(size), isLast: last !== undefined };
        return;
      }
      const done = say(answers[verb] ?? '500 5.5.2 What?', line);
      if (verb === 'DATA' && done) {
        content = new Content();
        if (script.deaf === true) {
          socket.pause();
        }
        if (answers['early'] !== undefined) {
          say(answers['early'], '');
        }
      } else if (verb === 'QUIT' && !silent) {
        if (script.lingerMs === undefined) socket.end();
        else setTimeout(() => socket.end(), script.lingerMs);
      } else if (verb === 'STARTTLS' && done) {
        upgrade(socket, connection);
      }
    };

    const takeChunk = (from: { left: number; readonly isLast: boolean }): void => {
      binary = Buffer.concat([binary, pending.subarray(0, from.left)]);
      const taken = Math.min(from.left, pending.length);
      pending = pending.subarray(taken);
      from.left -= taken;
      if (from.left > 0) return;
      chunk = undefined;
      if (from.isLast) {
        state.contents.push(binary);
        binary = Buffer.alloc(0);
      }
      say(answers[from.isLast ? 'content' : 'BDAT']!, '');
    };

    socket.on('data', (bytes: Buffer) => {
      state.chunks.push(bytes);
      pending = Buffer.concat([pending, bytes]);
      while ((pending.length > 0 || chunk?.left === 0) && !socket.destroyed) {
        if (chunk !== undefined) {
          takeChunk(chunk);
          continue;
        }
        if (content !== undefined) {
          const behind = content.take(pending);
          pending = Buffer.alloc(0);
          if (behind === undefined) {
            if (answers['midway'] !== undefined && !isMidway) {
              isMidway = true;
              say(answers['midway'], '');
              // Who has nothing more to hear is not read either.
              if (silent) socket.pause();
            }
            return;
          }
          state.contents.push(content.bytes());
          pending = behind;
          content = undefined;
          say(answers['content']!, '');
          continue;
        }
        const lf = pending.indexOf('\n');
        if (lf < 0) {
          return;
        }
        const line = pending.toString('utf8', 0, lf).trimEnd();
        pending = pending.subarray(lf + 1);
        command(line);
      }
    });
    if (greet) {
      say(script.greeting ?? '220 peer.test ESMTP', '');
    }
  };

  const upgrade = (socket: Socket, connection: number): void => {
    socket.removeAllListeners('data');
    const { tls = 'real' } = script;
    switch (typeof tls === 'function' ? tls(connection) : tls) {
      case CUT:
        socket.destroy();
        break;
      case SILENCE:
        socket.resume();
        break;
      case 'garbage':
        socket.resume();
        socket.write('this is not TLS at all\r\n');
        break;
      default:
        serve(secure(socket), connection, false);
    }
  };

  const secure = (socket: Socket): TLSSocket =>
    new TLSSocket(socket, {
      isServer: true,
      SNICallback: (name, answer) => {
        state.serverNames.push(name);
        const identity = script.identities?.[name];
        answer(null, identity && contextOf(identity));
      },
      secureContext: contextOf(script.identity ?? { key: peerKey, certificate: peerCertificate }),
    });

  const contextOf = ({ key, certificate }: Identity): SecureContext =>
    createSecureContext({
      ...{ key, cert: certificate },
      ...(script.maxVersion === undefined ? {} : { maxVersion: script.maxVersion }),
    });

  const server = createServer({ allowHalfOpen: script.lingerMs !== undefined }, (socket) => {
    count += 1;
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(script.implicitTls === true ? secure(socket) : socket, count, true);
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    ...state,
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    open: () => sockets.size,
    mostOpen: () => most,
    say(text) {
      for (const socket of sockets) {
        socket.write(`${text}\r\n`);
      }
    },
    cutAll() {
      for (const socket of sockets) {
        socket.destroy();
      }
    },
    async close() {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await once(server, 'close');
    },
  };
}
