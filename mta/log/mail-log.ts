/**
 * The mail log: one JSON line per accept, refusal, attempt, end and move. `msg` is one of five constants, everything else a
 * field (docs/mail-log.md). Never fails and never waits: lines go to a buffered destination, ends also to the history.
 */
import pino from 'pino';
import type { Clock } from '../clock.ts';
import type { Forwarded, Origin, Recipient } from '../envelope.ts';
import type { StoredReply } from '../queue/types.ts';
import type { LogDestination } from './destination.ts';
import type { HistoryWriter } from './history.ts';
import { type Redact, redactText } from './redact.ts';
import type { AttemptEvent, HistoryRecord, MailLog } from './types.ts';

const LONGEST_REPLY = 512;
/** Characters of recipients on one accept line; the others have lines of their own as they are tried. */
const LONGEST_LIST = 2000;

export interface MailLogOptions {
  readonly destination: LogDestination;
  readonly clock: Clock;
  readonly redact: Redact;
  readonly history: HistoryWriter;
}

export function createMailLog({ destination, clock, redact, history }: MailLogOptions): MailLog {
  const logger = pino(
    {
      base: undefined,
      timestamp: () => `,"time":"${isoTime(clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );

  const replyText = (reply: StoredReply): string =>
    redactText(
      [reply.code, reply.enhanced, reply.text.slice(0, LONGEST_REPLY)].filter((p) => p !== '').join(' '),
      redact,
    );

  const attemptFields = (event: AttemptEvent) => ({
    id: event.id,
    firstId: event.firstId,
    from: redact(event.from),
    to: redact(event.to),
    destination: event.destination,
    nextHop: event.nextHop,
    reply: replyText(event.reply),
    remote: event.reply.remote,
    delayMs: event.delay,
    attempts: event.attempts,
    tls: event.tls,
    user: event.user === undefined ? undefined : redact(event.user),
  });

  return {
    accepted({ id, envelope, size, messageId }) {
      const { origin } = envelope;
      const { forwarded } = origin;
      logger.info(
        {
          id,
          from: redact(envelope.from),
          to: addressList(envelope.recipients, redact),
          recipients: envelope.recipients.length,
          size,
          // RFC 6710 §4.1 (3)
          priority: envelope.priority,
          messageId: messageId === undefined ? undefined : redactText(messageId, redact),
          listener: origin.listener,
          // Never some of the one and some of the other.
          ...(forwarded === undefined ? clientFields(origin) : forwardedFields(origin, forwarded)),
          tls: origin.tls,
          certificate: origin.certificate === undefined ? undefined : redactText(origin.certificate, redact),
          user: origin.user === undefined ? undefined : redact(origin.user),
        },
        'accepted',
      );
    },
    refused({ command, error, listener, clientAddress, via, from, to, user, certificate }) {
      logger.info(
        {
          command,
          reply: redactText(error.reply.slice(0, LONGEST_REPLY), redact),
          blame: error.blame,
          listener,
          client: clientAddress,
          via,
          from: from === undefined ? undefined : redact(from),
          to: to === undefined ? undefined : redact(to),
          certificate: certificate === undefined ? undefined : redactText(certificate, redact),
          user: user === undefined ? undefined : redact(user),
        },
        'refused',
      );
    },
    attempted(event) {
      const next = event.nextAttemptAt;
      logger.info(
        { ...attemptFields(event), nextAttemptAt: next === undefined ? undefined : isoTime(next) },
        'attempted',
      );
    },
    ended(event) {
      const fields = attemptFields(event);
      const { outcome, member, movedAs, firstId } = event;
      logger.info({ ...fields, outcome, member, movedAs }, 'ended');
      const record: HistoryRecord = {
        time: isoTime(clock.now()),
        id: event.id,
        from: fields.from,
        to: fields.to,
        outcome,
        ...(event.nextHop === undefined ? {} : { nextHop: event.nextHop }),
        reply: fields.reply,
        delayMs: event.delay,
        attempts: event.attempts,
        ...(member === undefined ? {} : { member }),
        ...(movedAs === undefined ? {} : { movedAs }),
        ...(firstId === undefined ? {} : { firstId }),
      };
      history.append(record);
    },
    taken({ id, member, envelope, jobs, size }) {
      const { firstId, recipients, arrivedAt } = envelope;
      const here = jobs.flatMap((job) => job.recipients.map((recipient) => recipients[recipient]!));
      const from = redact(envelope.from);
      logger.info(
        { id, firstId, from, to: addressList(here, redact), recipients: here.length, size, member },
        'taken',
      );
      const now = clock.now();
      for (const job of jobs) {
        for (const recipient of job.recipients) {
          history.append({
            time: isoTime(now),
            id,
            from,
            to: redact(recipients[recipient]!.address),
            outcome: 'taken',
            reply: `250 2.0.0 Taken from ${member}`,
            delayMs: now - arrivedAt,
            attempts: job.attempts,
            member,
            ...(firstId === undefined ? {} : { firstId }),
          });
        }
      }
    },
    async close() {
      await Promise.all([destination.flush(), history.close()]);
    },
  };
}

const clientFields = ({ clientAddress, clientName, helo, protocol }: Origin) => ({
  client: clientAddress,
  clientName,
  helo,
  protocol,
});

const forwardedFields = ({ clientAddress }: Origin, { address, name, port, ...told }: Forwarded) => ({
  client: address,
  clientName: name,
  clientPort: port,
  helo: told.helo,
  protocol: told.protocol,
  via: clientAddress,
  viaId: told.id,
  source: told.source,
});

function addressList(recipients: readonly Recipient[], redact: Redact): string[] {
  const list: string[] = [];
  let length = 0;
  for (const { address } of recipients) {
    length += address.length;
    if (length > LONGEST_LIST) break;
    list.push(redact(address));
  }
  return list;
}

let lastTime = Number.NaN;
let lastText = '';

function isoTime(time: number): string {
  if (time !== lastTime) {
    lastText = new Date(time).toISOString();
    lastTime = time;
  }
  return lastText;
}
