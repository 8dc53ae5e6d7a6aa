/** How an MTA delivers: retries, lifetimes, connections, timeouts. */
import { z } from 'zod';
import { duration } from './fields.ts';
import { setList, withRules } from './rules.ts';
import { parseDuration } from './units.ts';

const timeout = (value: string, what: string) => duration().default(value).describe(what);

export const delivery = withRules(
  z.strictObject({
    retry: z
      .strictObject({
        initial: duration().default('5m').describe('Wait after the first failed attempt.'),
        factor: z
          .int()
          .min(1)
          .max(10)
          .default(2)
          .describe('By how much each wait is longer than the one before.'),
        max: duration().default('4h').describe('Longest wait.'),
        jitterPercent: z
          .int()
          .min(0)
          .max(100)
          .default(20)
          .describe(
            'Random share by which a wait is made longer or shorter, so that retries of many messages spread out.',
          ),
      })
      .prefault({})
      .describe('When a message that could not be delivered is tried again.'),
    lifetime: duration()
      .default('120h')
      .describe(
        'How long delivery is tried before a message goes back to its sender. RFC 5321 asks for four to five days.',
      ),
    bounceLifetime: duration()
      .default('48h')
      .describe(
        'The same for mail without a sender, such as bounces: at its end they are dropped and logged.',
      ),
    delayWarning: duration()
      .default('4h')
      .describe('After how long a sender is told, once, that the message is late; 0s is never.'),
    connectionsPerDestination: z
      .int()
      .min(1)
      .max(10_000)
      .default(20)
      .describe('Connections at a time to one next hop, of the whole fleet.'),
    messagesPerConnection: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe('Messages after which a connection to a next hop is closed.'),
    idleConnection: duration()
      .default('10s')
      .describe('How long an unused connection to a next hop is kept for the next message.'),
    addressFamilies: setList(z.enum(['IPv4', 'IPv6']), 2)
      .min(1)
      .default(['IPv6', 'IPv4'])
      .describe('Which addresses of next hops are used. Name only IPv4 where pods have no IPv6 route.'),
    timeouts: z
      .strictObject({
        connect: timeout('30s', 'Until a TCP connection, and the TLS handshake in it, stands.'),
        greeting: timeout('5m', 'Until the next hop greets (RFC 5321 4.5.3.2.1).'),
        command: timeout('5m', 'Until the reply to a command (RFC 5321 4.5.3.2.2 and 4.5.3.2.3).'),
        dataBlock: timeout(
          '3m',
          'Until the next hop takes the next block of a message (RFC 5321 4.5.3.2.5).',
        ),
        finalReply: timeout(
          '10m',
          'Until the reply to the final dot (RFC 5321 4.5.3.2.6). A shorter wait makes duplicates.',
        ),
      })
      .prefault({})
      .describe('How long a next hop is waited for.'),
  }),
  [
    {
      rule: 'duration(self.retry.initial) <= duration(self.retry.max)',
      message: 'retry.initial must not be longer than retry.max',
      fieldPath: '.retry',
      holds: (self) => parseDuration(self.retry.initial) <= parseDuration(self.retry.max),
    },
    {
      rule: "duration(self.retry.initial) >= duration('1s')",
      message: 'retry.initial must be at least 1s',
      fieldPath: '.retry',
      holds: (self) => parseDuration(self.retry.initial) >= 1,
    },
  ],
);
