/** Requests that change something, as the API server counts them: of everybody, so that none is overlooked. */
import { text } from 'node:stream/consumers';
import type { Transport } from '../../../operator/kube/transport.ts';

/** By verb and resource: `APPLY maildomains/status`. */
export type Writes = ReadonlyMap<string, number>;

const WRITING = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION']);

/** All since the API server was started, but for leases: who leads says so every two seconds. */
export async function writesSoFar(ask: Transport): Promise<Writes> {
  const { body } = await ask({ method: 'GET', path: '/metrics', signal: AbortSignal.timeout(30_000) });
  const found = new Map<string, number>();
  for (const [, labels, value] of (await text(body)).matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
    const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels!)?.[1] ?? '';
    const [verb, resource, subresource] = ['verb', 'resource', 'subresource'].map(label) as [
      string,
      string,
      string,
    ];
    if (!WRITING.has(verb) || resource === 'leases') continue;
    const key = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`;
    found.set(key, (found.get(key) ?? 0) + Number(value));
  }
  return found;
}

/** What was written in between. */
export function writesBetween(before: Writes, after: Writes): Record<string, number> {
  const counted = [...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const);
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}
