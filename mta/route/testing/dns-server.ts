/** A DNS server on loopback for tests, over UDP and TCP on one port, that says what each test wants it to say. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Answer, type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import type { DnsServer } from '../dns-exchange.ts';

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4 } as const;

export interface Said {
  readonly rcode?: number;
  readonly answers?: Answer[];
  readonly authorities?: Answer[];
  readonly authenticated?: boolean;
  readonly truncated?: boolean;
  /** Instead of the query's. */
  readonly id?: number;
  readonly question?: string;
  /** Sent as it is. */
  readonly raw?: Buffer;
}

export interface Query {
  readonly name: string;
  readonly type: string;
  readonly transport: 'udp' | 'tcp';
  readonly edns: boolean;
  readonly port: number;
}

export interface TestDnsServer {
  readonly server: DnsServer;
  readonly queries: Query[];
  close(): Promise<void>;
}

/** What `answer` returns is sent in that order; nothing is silence. */
export async function startDnsServer(
  answer: (query: Query) => readonly Said[] | Promise<readonly Said[]>,
): Promise<TestDnsServer> {
  const queries: Query[] = [];
  const respond = async (
    bytes: Buffer,
    transport: 'udp' | 'tcp',
    port: number,
    send: (response: Buffer) => void,
  ): Promise<void> => {
    const query = decode(bytes);
    const { name, type } = query.questions![0]!;
    const edns = query.additionals?.some((record) => record.type === 'OPT') === true;
    const seen: Query = { name, type, transport, edns, port };
    queries.push(seen);
    for (const said of await answer(seen)) {
      send(said.raw ?? encodeResponse(query, said));
    }
  };

  const tcp = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      void respond(bytes.subarray(2), 'tcp', socket.remotePort ?? 0, (response) => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(response.length);
        // In two pieces: a message is not a segment.
        socket.write(length);
        socket.write(response);
      });
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (bytes, from) => {
    void respond(bytes, 'udp', from.port, (response) => udp.send(response, from.port, from.address));
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return {
    server: { address: '127.0.0.1', port },
    queries,
    async close() {
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

function encodeResponse(query: DecodedPacket, said: Said): Buffer {
  const asked = query.questions![0]!;
  const packet: Packet = {
    type: 'response',
    id: said.id ?? query.id!,
    flags:
      0x0180 |
      (said.truncated === true ? 0x0200 : 0) |
      (said.authenticated === true ? 0x0020 : 0) |
      (said.rcode ?? RCODE.NOERROR),
    questions: [{ ...asked, name: said.question ?? asked.name }],
    answers: said.answers ?? [],
    authorities: said.authorities ?? [],
  };
  return encode(packet);
}

export const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, data, ttl });
export const aaaa = (name: string, data: string, ttl = 60): Answer => ({ type: 'AAAA', name, data, ttl });
export const cname = (name: string, data: string, ttl = 60): Answer => ({ type: 'CNAME', name, data, ttl });
export const mx = (name: string, preference: number, exchange: string, ttl = 60): Answer => ({
  type: 'MX',
  name,
  data: { preference, exchange },
  ttl,
});
export const soa = (name: string, ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  name,
  ttl,
  data: { mname: 'ns.test', rname: 'root.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});
