/** An API server of a test: plain HTTP, and each request answered as the test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { waitFor } from '../../../test/support/wait.ts';
import type { KubeObject } from '../resource.ts';
import { type Transport, transportOf } from '../transport.ts';

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Answers with JSON. */
  answer(status: number, object: unknown, headers?: Record<string, string>): void;
  /** A watch: begins its answer. */
  begin(): void;
  /** One line of it. */
  send(event: unknown): void;
  sendRaw(text: string): void;
  /** Ends it in order. */
  end(): void;
  /** Cuts the connection. */
  cut(): void;
  readonly isOver: boolean;
}

export interface ScriptedServer {
  readonly transport: Transport;
  readonly asked: readonly Asked[];
  /** The request with this number, from 0. */
  request(number: number): Promise<Asked>;
  /** TCP connections that were made. */
  readonly connections: () => number;
  stop(): Promise<void>;
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => asked.push(askedOf(request, response, Buffer.concat(chunks).toString())));
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'test', token: 'secret' },
  );
  return {
    transport: transportOf(config),
    asked,
    request: (number) => waitFor(`request ${number}`, () => asked[number]),
    connections: () => connections,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

function askedOf(request: IncomingMessage, response: ServerResponse, body: string): Asked {
  const { method = '', url = '', headers } = request;
  return {
    ...{ method, headers, body, url: new URL(url, 'http://server') },
    answer(status, object, more = {}) {
      response.writeHead(status, { 'content-type': 'application/json', ...more });
      response.end(JSON.stringify(object));
    },
    begin() {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
    },
    send: (event) => void response.write(`${JSON.stringify(event)}\n`),
    sendRaw: (text) => void response.write(text),
    end: () => void response.end(),
    cut: () => void request.socket.destroy(),
    get isOver() {
      return response.closed;
    },
  };
}

/** A ConfigMap with a version. */
export const objectOf = (name: string, resourceVersion: string, more: object = {}): KubeObject => ({
  metadata: { namespace: 'mail', name, uid: `uid-${name}`, resourceVersion },
  ...more,
});

export const statusOf = (code: number, reason: string) => ({
  ...{ kind: 'Status', apiVersion: 'v1', status: 'Failure' },
  ...{ code, reason, message: `it is ${reason}` },
});
