/** What came of TLS with a host: told once for each session that was begun, however many connections that took. Pure. */
import type { NextHop } from '../route/types.ts';
import type { Demand } from './demand.ts';
import { TlsFailure } from './tls-failure.ts';

export interface TlsSession {
  readonly hop: NextHop;
  /** What the host was asked for first. */
  readonly demand: Demand;
  /** Undefined where TLS came about as policies ask, tested ones among them; mail may have gone all the same. */
  readonly failure: TlsFailure | undefined;
  /** Our address; undefined where no connection was made. */
  readonly from: string | undefined;
}

export type TlsListener = (session: TlsSession) => void;

/** Of a session that nothing failed in: whether it has TLS at all, where that was asked for. */
export function sessionFailure(tls: string | undefined, { asks }: Demand): TlsFailure | undefined {
  if (tls !== undefined || asks === 'clearText') return undefined;
  return new TlsFailure('starttls-not-supported', NOT_OFFERED);
}

export const NOT_OFFERED = 'it is not offered';
