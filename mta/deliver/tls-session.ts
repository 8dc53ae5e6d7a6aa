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

/** Whether DANE is what a session is held against: what it asks for comes before MTA-STS (RFC 8461 §2), tested policies too. */
export function isByDane({ dane }: Pick<NextHop, 'dane'>, demand: Demand): boolean {
  if (dane === undefined || dane.tlsa.status === 'none') return false;
  const { asks } = demand;
  if (asks === 'tooMuch') return demand.fault === 'tlsa-invalid' || demand.fault === 'dnssec-invalid';
  return asks === 'tlsa' || asks === 'encryption';
}
