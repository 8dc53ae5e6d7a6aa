/** DELIVERBY (RFC 2852): mail that is to be delivered by a time, as its sender asks. Pure. */
import { smtpError } from '../errors.ts';

export interface DeliverBy {
  /** Ms since the epoch; it may have passed. */
  readonly by: number;
  /** What is done when it passes: the message goes back, or its sender is told. */
  readonly mode: 'return' | 'notify';
  /** Whether the sender wants to hear of each relaying. */
  readonly trace: boolean;
}

/** RFC 2852 §4 */
const BY = /^([+-]?\d{1,9});([RN])(T)?$/i;

/**
 * What BY asks for, counted from now. Throws 501 5.5.4 where it is no such value, or asks to have returned what is
 * late already.
 *
 * @param now ms since the epoch
 */
export function deliverBy(value: string | undefined, now: number): DeliverBy {
  const [, seconds, letter, trace] = BY.exec(value ?? '') ?? [];
  const mode = letter?.toUpperCase() === 'R' ? 'return' : 'notify';
  if (seconds === undefined || (mode === 'return' && Number(seconds) <= 0)) {
    throw smtpError('badArguments', { detail: 'BY' });
  }
  return { by: now + Number(seconds) * 1000, mode, trace: trace !== undefined };
}
