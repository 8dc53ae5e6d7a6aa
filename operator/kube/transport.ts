/**
 * HTTP to the API server. The client library knows kubeconfigs and every way to authenticate; the requests are made here, over
 * connections that are kept: the library opens a new one for each, and never closes it. The only file that imports it.
 */
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { KubeConfig } from '@kubernetes/client-node';

/** The server closes a connection that is idle for 90 s: one that it is about to close is not for the next request. */
const IDLE_MS = 60_000;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** JSON. */
  readonly body?: string;
  readonly contentType?: string;
  /** Ends the request, and the body of its answer. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Readable;
}

/** Rejects where no answer has come: a connection that was refused or cut, a certificate, the signal. */
export type Transport = (request: ApiRequest) => Promise<ApiResponse>;

/** The API server of the pod's own cluster, or that of a kubeconfig file. Throws where there is none. */
export function loadCluster(kubeconfig: string | undefined): Transport {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromCluster();
  else config.loadFromFile(kubeconfig);
  return transportOf(config);
}

/** The API server of the current context. */
export function transportOf(config: KubeConfig): Transport {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current context, or one without a cluster');
  const server = new URL(cluster.server);
  const secure = server.protocol === 'https:';
  const agent = new (secure ? https : http).Agent({ keepAlive: true, timeout: IDLE_MS });
  const prefix = server.pathname.replace(/\/$/, '');

  return async ({ method, path, body, contentType, signal }) => {
    const options: https.RequestOptions = {};
    // Each time: tokens are files that the kubelet renews.
    await config.applyToHTTPSOptions(options);
    const headers: http.OutgoingHttpHeaders = {
      ...(options.headers as http.OutgoingHttpHeaders | undefined),
      accept: 'application/json',
      ...(body !== undefined && {
        'content-type': contentType ?? 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
    };
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(
        {
          ...options,
          // Through a proxy the library's agent knows the way.
          ...(cluster.proxyUrl === undefined && { agent }),
          ...{ host: server.hostname.replace(/^\[|\]$/g, ''), port: server.port || (secure ? 443 : 80) },
          ...{ method, path: prefix + path, headers, signal },
        },
        (response) =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'],
            body: response,
          }),
      );
      request.once('error', reject);
      request.end(body);
    });
  };
}
