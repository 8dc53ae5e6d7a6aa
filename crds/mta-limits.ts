/** What a client may do on a listener of an MTA. */
import { z } from 'zod';
import { duration, quantity } from './fields.ts';

/** A limit is the fleet's, with a default, and may be a listener's own. */
const limit = <S extends z.ZodType>(schema: S, value: z.input<S>, description: string) => ({
  fleet: schema.default(value as z.util.NoUndefined<z.output<S>>).describe(description),
  own: schema.optional().describe(description),
});
const count = (max: number, min = 1) => z.int().min(min).max(max);

const limits = {
  messageSize: limit(
    quantity(),
    '50Mi',
    'Largest message taken, as sent. Announced with SIZE; a larger one gets 552 5.3.4.',
  ),
  recipients: limit(
    count(100_000, 100),
    1000,
    'Recipients of one message; the next gets 452 4.5.3. RFC 5321 asks for at least 100.',
  ),
  transactionsPerSession: limit(
    count(100_000_000),
    10_000,
    'Messages on one connection; the next MAIL gets 421 4.7.0.',
  ),
  errorsPerSession: limit(
    count(10_000),
    20,
    'Commands refused on one connection before it is closed with 421 4.7.0.',
  ),
  idleCommandsPerSession: limit(
    count(100_000),
    100,
    'RSET, NOOP, HELP, VRFY, EXPN and repeated EHLO between two messages before the connection is closed.',
  ),
  authFailuresPerSession: limit(count(100), 3, 'Failed AUTH attempts on one connection before it is closed.'),
  sessionDuration: limit(duration(), '1h', 'Longest life of a connection; then it is closed with 421 4.7.0.'),
  sessionSize: limit(quantity(), '10Gi', 'Bytes that one connection may send in all.'),
  connections: limit(
    count(1_000_000),
    2000,
    'Connections at a time, for each listener of a pod; the next gets 421 4.7.0.',
  ),
  connectionsPerAddress: limit(
    count(1_000_000),
    200,
    'Connections at a time from one client address, for each listener of a pod.',
  ),
  lineLength: limit(
    count(1_000_000, 1000),
    1000,
    'Longest line of a message in bytes, CRLF included; a message with a longer one gets 554 5.6.0. RFC 5321 says 1000.',
  ),
  hops: limit(
    count(1000),
    50,
    'Received fields at which a message is taken to be looping, and refused with 554 5.4.6.',
  ),
  minDataRate: limit(
    count(1_000_000_000, 0),
    64,
    'Slowest pace of a message on its way in, in bytes per second over a minute; 0 is any.',
  ),
};

export function limitsOf<W extends 'fleet' | 'own'>(
  whose: W,
): { [N in keyof typeof limits]: (typeof limits)[N][W] } {
  const fields = Object.entries(limits).map(([name, either]) => [name, either[whose]]);
  return Object.fromEntries(fields) as { [N in keyof typeof limits]: (typeof limits)[N][W] };
}
