/**
 * A report by HTTPS (RFC 8460 §5.4): one POST to the address that the domain has published, whatever certificate it shows there; no redirect.
 * That address is a stranger's to choose, so it leads to port 443 of a public address and nowhere else. All of it, from the first lookup on,
 * has one deadline. Rejects with what went wrong.
 */
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { Clock } from '../clock.ts';
import type { HostAddresses } from '../route/addresses.ts';
import { compileEgress, type EgressCheck } from '../route/egress.ts';

export interface PostDeps {
  readonly addresses: (host: string) => Promise<HostAddresses>;
  readonly clock: Clock;
  /** Ends it at once; what has come of it then is not known. */
  readonly signal: AbortSignal;
  /** Which addresses it may go to: public ones where absent. */
  readonly egress?: EgressCheck;
  /** Of the servers: 443 where absent. */
  readonly port?: number;
}

/** What `egress.allow` opens for mail hosts is not opened for whoever publishes a record: no certificate shows who answers there. */
const PUBLIC = compileEgress([]);

export const LONGEST_MS = 60_000;
/** For one address, so that one that is silent leaves time for the next. */
const CONNECT_MS = 10_000;
const HEADER_BYTES = 16 * 1024;

/** @param uri of https */
export async function postReport(uri: string, gzip: Buffer, deps: PostDeps): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = new AbortController();
  const end = (failure: Error): void => {
    reject(failure);
    abort.abort(failure);
  };
  const stop = (): void => end(new Error('this process stops'));
  const cancel = deps.clock.after(LONGEST_MS, () =>
    end(new Error(`it took longer than ${LONGEST_MS / 1000} s`)),
  );
  deps.signal.addEventListener('abort', stop);
  try {
    if (deps.signal.aborted) stop();
    await Promise.race([late, post(new URL(uri), gzip, deps, abort.signal)]);
  } finally {
    cancel();
    deps.signal.removeEventListener('abort', stop);
    late.catch(() => {});
  }
}

async function post(url: URL, gzip: Buffer, deps: PostDeps, signal: AbortSignal): Promise<void> {
  if (url.port !== '') throw new Error(`${url.host}: reports go to port 443 alone`);
  let last: Error | undefined;
  for (const address of await allowed(url, deps)) {
    if (signal.aborted) break;
    const asked = await ask(url, address, gzip, deps, signal);
    if (asked instanceof Error) {
      last = asked;
      continue;
    }
    // Nothing that it says is of use to us.
    asked.on('error', () => {}).destroy();
    const { statusCode = 0 } = asked;
    if (statusCode >= 200 && statusCode < 300) return;
    throw new Error(`${url.host} answered ${statusCode}`);
  }
  throw last ?? new Error(`${url.host} has no address`);
}

async function allowed({ hostname }: URL, { addresses, egress = PUBLIC }: PostDeps): Promise<string[]> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const found = await addresses(host);
  const may = found.addresses.filter((address) => egress(address, false));
  if (may.length > 0) return may;
  const [first] = found.addresses;
  if (first !== undefined) throw new Error(`${host}[${first}] is no public address`);
  throw new Error(found.failure ?? `${host} has no address`);
}

/** Resolves with the head of the answer, or with why there is none at this address. */
function ask(
  url: URL,
  address: string,
  gzip: Buffer,
  { clock, port = 443 }: PostDeps,
  signal: AbortSignal,
): Promise<IncomingMessage | Error> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage | Error>();
  const sent = request({
    ...{ host: address, port, method: 'POST', signal },
    // RFC 6066 §3: without the final dot.
    ...(isIP(url.hostname) === 0 &&
      !url.hostname.startsWith('[') && { servername: url.hostname.replace(/\.$/, '') }),
    path: `${url.pathname}${url.search}`,
    headers: {
      ...{ host: url.host, 'content-type': 'application/tlsrpt+gzip', 'content-length': gzip.length },
      connection: 'close',
    },
    agent: false,
    maxHeaderSize: HEADER_BYTES,
    minVersion: 'TLSv1.2',
    // RFC 8460 §3 lets us: whoever has broken one certificate may have broken the other, and is to hear of it.
    rejectUnauthorized: false,
  });
  const cancel = clock.after(CONNECT_MS, () => sent.destroy(new Error('nobody answered in time')));
  sent.on('socket', (socket) => socket.once('secureConnect', cancel));
  sent.once('response', resolve);
  sent.on('error', (error: NodeJS.ErrnoException) => {
    cancel();
    resolve(new Error(`${url.host}[${address}]: ${error.code ?? error.message}`, { cause: error }));
  });
  sent.end(gzip);
  return promise;
}
