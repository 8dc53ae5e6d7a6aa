/** MTA-STS policies in sessions (RFC 8461 §5): what is told of those that don't keep to one. What is asked of a host: `demand.ts`. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { NextHop, Sts } from '../route/types.ts';
import { unlisted } from './demand.ts';
import { checkPeer } from './peer-identity.ts';
import { TlsFailure } from './tls-failure.ts';
import { NOT_OFFERED } from './tls-session.ts';

export type StsFailureListener = (sts: Sts, host: string, failure: TlsFailure) => void;

/**
 * Why a session doesn't keep to a policy that is tested: nothing else comes of it. Undefined where it does.
 *
 * @param failed how TLS has failed on a connection before this one
 */
export function testedFailure(
  socket: Socket,
  { host, sts }: NextHop,
  failed: TlsFailure | undefined,
  now: number,
): TlsFailure | undefined {
  if (sts?.mode !== 'testing') return undefined;
  if (!sts.lists) return new TlsFailure('validation-failure', unlisted(sts));
  if (failed !== undefined) return failed;
  if (!(socket instanceof TLSSocket)) return new TlsFailure('starttls-not-supported', NOT_OFFERED);
  try {
    checkPeer(socket, host, { asks: 'authority' }, now);
    return undefined;
  } catch (error) {
    return error as TlsFailure;
  }
}

/** Which policies asked for what could not be had. */
export const byPolicy = ({ tls, sts }: NextHop): string =>
  `TLS policy ${tls.name}${sts === undefined ? '' : `, MTA-STS policy of ${sts.domain}`}`;
