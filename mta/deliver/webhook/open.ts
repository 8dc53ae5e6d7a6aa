/**
 * Opens a connection to a webhook: TLS at once for https, and then its certificate and its name are verified, whatever
 * the policy. Rejects with an `SmtpError`; the connection is closed then.
 */
import { isIP, type Socket } from 'node:net';
import { connect, type SecureContext } from 'node:tls';
import type { Clock } from '../../clock.ts';
import type { MtaConfig } from '../../config.ts';
import { smtpError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import type { NextHop } from '../../route/types.ts';
import { Deadline } from '../deadline.ts';
import { describeTls } from '../handshake.ts';
import { sanitize } from '../reply.ts';
import { HttpLine } from './line.ts';
import { WebhookSession } from './session.ts';

export interface OpenWebhookOptions {
  readonly delivery: MtaConfig['delivery'];
  readonly clock: Clock;
  readonly random: Random;
  readonly secureContext: SecureContext;
}

/** @param raw connected */
export async function openWebhook(
  raw: Socket,
  hop: NextHop,
  { delivery, clock, random, secureContext }: OpenWebhookOptions,
): Promise<WebhookSession> {
  const { timeouts } = delivery;
  const socket = hop.implicitTls
    ? await secured(raw, hop, secureContext, { clock, seconds: timeouts.command })
    : raw;
  return new WebhookSession(
    { line: new HttpLine(socket, hop, clock), webhook: hop.webhook!, clock, random, timeouts },
    describeTls(socket),
    hop.messagesPerConnection ?? delivery.messagesPerConnection,
  );
}

function secured(
  raw: Socket,
  { host }: NextHop,
  secureContext: SecureContext,
  { clock, seconds }: { readonly clock: Clock; readonly seconds: number },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({
    ...{ socket: raw, secureContext, host, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] },
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  const fail = (why: string, cause?: unknown): void => {
    deadline.end();
    socket.destroy();
    raw.destroy();
    reject(smtpError('tlsUnavailable', { detail: `${host}: ${why}`, closes: true, cause }));
  };
  const deadline = new Deadline(clock, (what) => fail(`timed out waiting for ${what}`));
  deadline.set(seconds, 'TLS');
  const refused = (error: Error): void => fail(sanitize(error.message, 200), error);
  const closed = (): void => fail('the connection was closed');
  socket.once('error', refused);
  socket.once('close', closed);
  socket.once('secureConnect', () => {
    deadline.end();
    socket.removeListener('error', refused);
    socket.removeListener('close', closed);
    resolve(socket);
  });
  return promise;
}
