/** A Policy Host on loopback: an HTTPS server that answers as a test wants it to, or something at its port that is none. */
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Identity } from './certificates.ts';

export interface PolicyHost {
  readonly port: number;
  /** `GET /.well-known/mta-sts.txt`, with the Host field and the name in SNI, of every request. */
  readonly requests: {
    readonly line: string;
    readonly host: string | undefined;
    readonly serverName: string;
  }[];
  /** How requests are answered from now on. */
  answer: RequestListener;
  close(): Promise<void>;
}

export const text =
  (body: string): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
  };

export async function startPolicyHost(
  { address, port }: { readonly address: string; readonly port: number },
  identity: Identity,
): Promise<PolicyHost> {
  const requests: PolicyHost['requests'] = [];
  const host = { requests, port, answer: text('') };
  const server = createHttpsServer({ key: identity.key, cert: identity.certificate }, (request, response) => {
    requests.push(seen(request));
    host.answer(request, response);
  });
  return Object.assign(host, await listening(server, address, port));
}

function seen({ method, url, headers, socket }: IncomingMessage): PolicyHost['requests'][number] {
  const { servername } = socket as TLSSocket & { servername?: string | false };
  return { line: `${method} ${url}`, host: headers.host, serverName: String(servername || '') };
}

/** Something else: what it does with each connection. */
export async function startListener(
  { address, port }: { readonly address: string; readonly port: number },
  serve: (socket: Socket) => void,
): Promise<Pick<PolicyHost, 'port' | 'close'>> {
  return listening(createServer(serve), address, port);
}

async function listening(
  server: Server,
  address: string,
  port: number,
): Promise<Pick<PolicyHost, 'port' | 'close'>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
