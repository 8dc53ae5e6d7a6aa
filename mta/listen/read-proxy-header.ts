/** Reads the PROXY header from a connection, and leaves what is behind it to who reads next. */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { smtpError } from '../errors.ts';
import { type ProxiedClient, parseProxyHeader } from './proxy-header.ts';

/** A load balancer has it ready. */
const PATIENCE_MS = 10_000;

/** Undefined where the load balancer speaks for itself. Rejects with `badProxyHeader` for anything else than a header. */
export async function readProxyHeader(socket: Socket, clock: Clock): Promise<ProxiedClient | undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  const { promise, resolve, reject } = Promise.withResolvers<ProxiedClient | undefined>();
  const fail = (detail: string) => () => reject(smtpError('badProxyHeader', { detail, closes: true }));
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const header = parseProxyHeader(bytes);
    if (header === 'incomplete') return;
    if (header === 'malformed') {
      fail('what came first is none')();
      return;
    }
    socket.pause();
    if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    resolve(header.client);
  };
  const onEnd = fail('the connection ended before it');
  const cancel = clock.after(PATIENCE_MS, fail('it did not come'));
  socket.on('data', onData);
  socket.once('end', onEnd);
  socket.once('close', onEnd);
  try {
    return await promise;
  } finally {
    cancel();
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
  }
}
