/**
 * Between an operator and its API server, over plain HTTP: does to requests what a test wants. What it isn't told to harm goes through as it
 * is, watches among it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { temporaryFolder } from '../../support/folders.ts';
import type { ControlPlane, User } from './control-plane.ts';

export type Harm =
  /** The API server never sees it. */
  | { readonly kind: 'refuse'; readonly status: number; readonly retryAfter?: number }
  /** It is done, and the answer is another one, or none. */
  | { readonly kind: 'lose'; readonly status?: number }
  /** The connection ends after so many bytes of the answer's body. */
  | { readonly kind: 'cut'; readonly bytes: number };

export interface Passing {
  readonly method: string;
  readonly url: URL;
  readonly isWatch: boolean;
}

export interface ApiProxy {
  /** A file whose server is the proxy. */
  readonly kubeconfig: string;
  /** What is to become of a request; nothing is harmed where it is undefined. */
  harm: ((passing: Passing) => Harm | undefined) | undefined;
  /** How many requests were harmed. */
  readonly harmed: number;
  /** Watches that are under way now. */
  readonly watches: number;
  /** Ends the connections of all watches; says how many there were. */
  cutWatches(): number;
  stop(): Promise<void>;
}

interface Cluster {
  server: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
}

export async function startProxy(plane: ControlPlane, user?: User): Promise<ApiProxy> {
  const config = JSON.parse(readFileSync(plane.kubeconfig(user), 'utf8')) as {
    clusters: [{ cluster: Cluster }];
  };
  const [{ cluster }] = config.clusters;
  const upstream = new URL(cluster.server);
  const ca = Buffer.from(cluster['certificate-authority-data']!, 'base64').toString();
  const agent = new https.Agent({ keepAlive: true, ca });
  const watching = new Set<ServerResponse>();
  let harmed = 0;

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const url = new URL(request.url!, upstream);
    const isWatch = url.searchParams.get('watch') === 'true';
    const harm = proxy.harm?.({ method: request.method!, url, isWatch });
    if (harm !== undefined) harmed += 1;
    if (harm?.kind === 'refuse') {
      answer(response, harm.status, harm.retryAfter);
      return;
    }
    const { host: _, connection: __, ...headers } = request.headers;
    const abort = new AbortController();
    const passed = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { agent, method: request.method, headers, signal: abort.signal };
      https.request(url, options, resolve).once('error', reject).end(body);
    });
    response.once('close', () => {
      watching.delete(response);
      abort.abort();
    });
    if (harm?.kind === 'lose') {
      await buffer(passed);
      if (harm.status === undefined) response.destroy();
      else answer(response, harm.status);
      return;
    }
    if (isWatch) watching.add(response);
    response.writeHead(passed.statusCode!, passed.headers);
    response.flushHeaders();
    let left = harm?.bytes ?? Number.POSITIVE_INFINITY;
    for await (const chunk of passed as AsyncIterable<Buffer>) {
      if (chunk.length >= left) {
        response.write(chunk.subarray(0, left), () => response.destroy());
        return;
      }
      left -= chunk.length;
      response.write(chunk);
    }
    response.end();
  }

  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  cluster.server = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  delete cluster['certificate-authority-data'];
  // The client library wants this said for plain HTTP.
  cluster['insecure-skip-tls-verify'] = true;
  const kubeconfig = join(temporaryFolder('proxy'), 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(config));
  const proxy: ApiProxy = {
    kubeconfig,
    harm: undefined,
    get harmed() {
      return harmed;
    },
    get watches() {
      return watching.size;
    },
    cutWatches() {
      const { size } = watching;
      for (const response of watching) response.destroy();
      return size;
    },
    async stop() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
  return proxy;
}

function answer(response: ServerResponse, status: number, retryAfter?: number): void {
  const reasons: Record<number, string> = { 409: 'Conflict', 429: 'TooManyRequests', 500: 'InternalError' };
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  });
  const reason = reasons[status] ?? '';
  const said = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, reason };
  response.end(JSON.stringify({ ...said, message: `made up by the test: ${reason}` }));
}
