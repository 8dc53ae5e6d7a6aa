/** Asks a control port that goes by certificate, as an operator of the fleet would. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

export interface AskOptions {
  readonly port: number;
  /** The DNS name in the certificate of the member that is meant. */
  readonly member: string;
  /** Folder with the ca.crt that is trusted, and the tls.crt and tls.key of who asks, if any. */
  readonly identity: string;
  readonly anonymous?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Rejects where TLS does. */
export function askByCertificate(
  { port, member, identity, anonymous = false }: AskOptions,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const read = (name: string) => readFileSync(join(identity, name));
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...{ host: '127.0.0.1', port, servername: member, method, path, agent: false },
        ...{ ca: read('ca.crt'), ...(!anonymous && { cert: read('tls.crt'), key: read('tls.key') }) },
        ...(body !== undefined && { headers: { 'content-type': 'application/json' } }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: JSON.parse(Buffer.concat(chunks).toString()) as unknown,
          }),
        );
      },
    );
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
