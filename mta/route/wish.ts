/** What is wished for of TLS on the way of one message, besides what policies ask for (RFC 8689). Pure. */
import type { TlsPolicy } from '../config.ts';
import type { Envelope } from '../envelope.ts';

/** `required`: by hosts that are who they should be, and go on so; `optional`: it goes on without what recipients' domains ask for. */
export type TlsWish = 'required' | 'optional';

/** A bounce is worth more than a way that nobody reads along on (RFC 8689 §4.2.1, §5). */
export function wishOf({ from, requireTls, tlsOptional }: Envelope): TlsWish | undefined {
  if (requireTls === true) return from === '' ? undefined : 'required';
  return tlsOptional === true ? 'optional' : undefined;
}

/** With what a policy wishes of all mail. */
export function wishFor(
  wish: TlsWish | undefined,
  { requireTls }: Pick<TlsPolicy, 'requireTls'>,
): TlsWish | undefined {
  return requireTls === true ? 'required' : wish;
}
