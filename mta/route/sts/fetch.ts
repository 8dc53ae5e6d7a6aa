/**
 * Fetches the policy of a domain by HTTPS (RFC 8461 §3.3): one GET at the Policy Host, whose certificate has to be valid for its
 * name by the roots that Node trusts; 200 and nothing else, no redirect, nothing that was kept by HTTP. All of it, from the first
 * lookup to the last octet, has one deadline, and the answer a size. Rejects with a `StsFailure`.
 */
import { X509Certificate } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Clock } from '../../clock.ts';
import type { HostAddresses } from '../addresses.ts';
import type { EgressCheck } from '../egress.ts';
import { StsFailure } from './failure.ts';
import { parsePolicy, type StsPolicy } from './policy.ts';

export interface FetchDeps {
  readonly addresses: (host: string) => Promise<HostAddresses>;
  readonly egress: EgressCheck;
  readonly clock: Clock;
  /** 443 where absent. */
  readonly port?: number;
}

/** RFC 8461 §3.3 suggests both. */
export const LONGEST_MS = 60_000;
export const MOST_BYTES = 64 * 1024;
/** For one address, so that one that is silent leaves time for the next. */
const CONNECT_MS = 10_000;
const HEADER_BYTES = 16 * 1024;

export async function fetchPolicy(domain: string, deps: FetchDeps): Promise<StsPolicy> {
  const host = `mta-sts.${domain}`;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = new AbortController();
  const cancel = deps.clock.after(LONGEST_MS, () => {
    const failure = failed(`it took longer than ${LONGEST_MS / 1000} s`);
    reject(failure);
    abort.abort(failure);
  });
  try {
    const body = await Promise.race([get(host, deps, abort.signal), late]);
    const policy = parsePolicy(body);
    if (typeof policy === 'string') throw new StsFailure('sts-policy-invalid', policy);
    return policy;
  } finally {
    cancel();
    late.catch(() => {});
  }
}

async function get(host: string, deps: FetchDeps, signal: AbortSignal): Promise<Buffer> {
  let last: StsFailure | undefined;
  for (const address of await allowed(host, deps)) {
    const asked = await ask(host, address, deps, signal);
    if ('response' in asked) return read(asked.response);
    if (asked.failure.fault !== 'sts-policy-fetch-error') throw asked.failure;
    last = asked.failure;
    if (signal.aborted) break;
  }
  throw last ?? failed(`${host} has no address`);
}

async function allowed(host: string, { addresses, egress }: FetchDeps): Promise<string[]> {
  const found = await addresses(host);
  const may = found.addresses.filter((address) => egress(address, false));
  if (may.length > 0) return may;
  const [first] = found.addresses;
  if (first !== undefined) throw failed(`${host}[${first}] is an address that egress.allow does not list`);
  throw failed(found.failure ?? `${host} has no address`);
}

type Asked = { readonly response: IncomingMessage } | { readonly failure: StsFailure };

/** Resolves with the head of the answer, or with why there is none at this address. */
function ask(
  host: string,
  address: string,
  { clock, port = 443 }: FetchDeps,
  signal: AbortSignal,
): Promise<Asked> {
  const { promise, resolve } = Promise.withResolvers<Asked>();
  const sent = request({
    ...{ host: address, port, servername: host, path: '/.well-known/mta-sts.txt', method: 'GET', signal },
    headers: { host, accept: 'text/plain', 'accept-encoding': 'identity', connection: 'close' },
    // A connection of its own: nothing is taken from another one, nor left to it.
    agent: false,
    maxHeaderSize: HEADER_BYTES,
    minVersion: 'TLSv1.2',
    checkServerIdentity,
  });
  const cancel = clock.after(CONNECT_MS, () => sent.destroy(new Error('nobody answered in time')));
  sent.on('socket', (socket) => socket.once('secureConnect', cancel));
  sent.once('response', (response) => resolve({ response }));
  // What fails after the answer has begun is seen by who reads that.
  sent.on('error', (error) => {
    cancel();
    resolve({ failure: failureOf(error, sent, `${host}[${address}]`) });
  });
  sent.end();
  return promise;
}

/** RFC 8461 §3.3: DNS-IDs alone, with a wildcard for the whole left-most label and for nothing else. */
function checkServerIdentity(
  host: string,
  { raw }: DetailedPeerCertificate | { raw: Buffer },
): Error | undefined {
  const shown = new X509Certificate(raw);
  if (shown.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined) return undefined;
  return new Error(`the certificate is for ${shown.subjectAltName ?? 'no host'}`);
}

function failureOf(error: Error, sent: ClientRequest, where: string): StsFailure {
  if (error.cause instanceof StsFailure) return error.cause;
  const { code } = error as NodeJS.ErrnoException;
  const why = `${where}: ${code === undefined || code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? error.message : code}`;
  const isUntrusted = (sent.socket as TLSSocket | null)?.authorizationError != null;
  return isUntrusted ? new StsFailure('sts-webpki-invalid', why, { cause: error }) : failed(why, error);
}

/** RFC 8461 §3.2: the media type guards against servers where strangers may put files. */
async function read(response: IncomingMessage): Promise<Buffer> {
  const { statusCode, headers } = response;
  response.on('error', () => {});
  try {
    if (statusCode !== 200) throw failed(`it answered ${statusCode}`);
    const type = headers['content-type'] ?? '';
    if (!/^text\/plain[ \t]*(;|$)/i.test(type))
      throw failed(`its type is ${JSON.stringify(type.slice(0, 100))}, not text/plain`);
    const { 'content-encoding': coding = 'identity' } = headers;
    if (coding.toLowerCase() !== 'identity') throw failed('it is encoded, which nobody has asked for');
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MOST_BYTES) throw failed(`it is longer than ${MOST_BYTES} octets`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw error instanceof StsFailure ? error : failed(`it broke off: ${(error as Error).message}`, error);
  } finally {
    response.destroy();
  }
}

const failed = (why: string, cause?: unknown): StsFailure =>
  new StsFailure('sts-policy-fetch-error', why, cause === undefined ? {} : { cause });
