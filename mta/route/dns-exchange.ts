/**
 * One question to one recursive server: UDP from a fresh random port, TCP where the answer was truncated
 * (RFC 1035 §4.2, RFC 7766 §5). An answer counts when it comes from the server that was asked and repeats id and
 * question (RFC 5452 §9.1); anything else is ignored until the deadline. Rejects on a timeout or a socket error.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import {
  AUTHENTIC_DATA,
  type DecodedPacket,
  decode,
  encode,
  type Packet,
  RECURSION_DESIRED,
  type RecordType,
} from 'dns-packet';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';

export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

export interface DnsQuestion {
  readonly name: string;
  readonly type: RecordType;
}

/** dns-packet gives the name of the response code, which its types leave out. */
export type DnsResponse = DecodedPacket & { readonly rcode: string };

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** For UDP and TCP each. */
  readonly timeoutMs: number;
  /** Whether to say that we take large answers (RFC 6891 §6.2.3); off for servers that don't know it. */
  readonly edns: boolean;
}

/** What passes any IPv6 network unfragmented: 1280 octets less the headers. */
const UDP_PAYLOAD = 1232;

export async function exchange(
  server: DnsServer,
  question: DnsQuestion,
  options: ExchangeOptions,
): Promise<DnsResponse> {
  const query: Packet = {
    type: 'query',
    id: options.random.bytes(2).readUInt16BE(0),
    // AD in a query asks for AD in the answer (RFC 6840 §5.7).
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ name: question.name, type: question.type, class: 'IN' }],
  };
  if (options.edns) {
    query.additionals = [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ];
  }
  const answer = await overUdp(server, query, options);
  return answer.flag_tc ? overTcp(server, query, options) : answer;
}

function overUdp(server: DnsServer, query: Packet, options: ExchangeOptions): Promise<DnsResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsResponse>();
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  const cancel = options.clock.after(options.timeoutMs, () => reject(timedOut(server)));
  socket.on('error', reject);
  socket.on('message', (bytes) => {
    const response = matching(bytes, query);
    if (response !== undefined) {
      resolve(response);
    }
  });
  // A connected socket drops datagrams of other sources, and hears of a closed port at once.
  socket.connect(server.port, server.address, () => socket.send(encode(query)));
  return promise.finally(() => {
    cancel();
    socket.close();
  });
}

function overTcp(server: DnsServer, query: Packet, options: ExchangeOptions): Promise<DnsResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsResponse>();
  const socket = connect({ host: server.address, port: server.port });
  const cancel = options.clock.after(options.timeoutMs, () => reject(timedOut(server)));
  let received = Buffer.alloc(0);
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${server.address} closed the connection without an answer`)));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2) {
      const end = 2 + received.readUInt16BE(0);
      if (received.length < end) {
        return;
      }
      const response = matching(received.subarray(2, end), query);
      if (response !== undefined) {
        resolve(response);
      }
      received = received.subarray(end);
    }
  });
  const bytes = encode(query);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  socket.write(Buffer.concat([length, bytes]));
  return promise.finally(() => {
    cancel();
    socket.destroy();
  });
}

function matching(bytes: Buffer, query: Packet): DnsResponse | undefined {
  let response: DnsResponse;
  try {
    response = decode(bytes) as DnsResponse;
  } catch {
    return undefined;
  }
  const asked = query.questions![0]!;
  const repeated = response.questions?.[0];
  const same =
    response.flag_qr &&
    response.id === query.id &&
    response.questions?.length === 1 &&
    repeated?.type === asked.type &&
    repeated.name.toLowerCase() === asked.name.toLowerCase();
  return same ? response : undefined;
}

function timedOut(server: DnsServer): Error {
  return new Error(`${server.address} did not answer in time`);
}
