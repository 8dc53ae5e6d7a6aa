/**
 * Offers a message to the next hops of its destination, in their order, until one of them answers for it; or to one that
 * is at hand. What none of them answered for is a failure of all its recipients, and says what it tells of the
 * destination. The mailbox for TLS reports is here, and has no next hop.
 */

import type { WorkerMetrics } from '../control/metrics.ts';
import { type SmtpError, smtpError } from '../errors.ts';
import type { Job, Queue, StoredMessage, StoredReply } from '../queue/types.ts';
import { type Destination, isStore, type NextHop, type OutwardDestination } from '../route/types.ts';
import { type TlsWish, wishFor, wishOf } from '../route/wish.ts';
import type { AttemptReport } from '../schedule/types.ts';
import { forAll, storedReply } from '../settle.ts';
import type { Seen } from '../tell.ts';
import type { ReportMailbox } from '../tls-rpt/receive/mailbox.ts';
import { converse } from './converse.ts';
import { rewriteFor } from './rewrite.ts';
import type { RecipientResult, Session, Sessions } from './types.ts';

export interface OfferDeps {
  readonly queue: Pick<Queue, 'owns'>;
  readonly sessions: Sessions;
  /** Looks up where a destination's mail may be handed over; in the order to try. */
  readonly hops: (destination: OutwardDestination, wish?: TlsWish) => Promise<readonly NextHop[]>;
  /** Takes what is for a domain's mailbox for TLS reports. */
  readonly reports: ReportMailbox;
  readonly metrics: Pick<WorkerMetrics, 'outbound'>;
  /** What isn't an `SmtpError` is a defect of ours: it is told, and becomes a local error. */
  readonly failure: (error: unknown) => SmtpError;
}

/** What an attempt brought: a reply for each recipient, and what it tells of the destination. */
export interface Outcome extends Seen {
  readonly destination: AttemptReport['destination'];
  readonly results: readonly RecipientResult[];
  /** The failure that was everyone's. */
  readonly reply?: StoredReply;
  /** How long the next hop wants to be left alone, where it said so. */
  readonly waitMs?: number | undefined;
}

/** A job of a message, and where that goes. */
export interface Offered {
  readonly message: StoredMessage;
  readonly job: Job;
  readonly destination: Destination;
}

/** Route, session, transaction. */
export async function offer(offered: Offered, deps: OfferDeps): Promise<Outcome> {
  const { job, destination, message } = offered;
  if (destination.kind === 'tlsRpt') {
    const results = forAll(job, await deps.reports.deliver(message));
    return { destination: 'answered', results, endsHere: true };
  }
  const wish = wishOf(message.envelope);
  let hops: readonly NextHop[];
  try {
    hops = (await deps.hops(destination, wish)).map((hop) => withWish(hop, wish));
  } catch (error) {
    const failure = deps.failure(error);
    return unanswered(job, failure, failure.temporary ? 'unreachable' : 'untried');
  }
  let failure: SmtpError | undefined;
  let last: NextHop | undefined;
  let spoke = false;
  for (const hop of hops) {
    last = hop;
    let session: Session;
    try {
      session = await deps.sessions.acquire(hop, destination.key);
    } catch (error) {
      const refused = deps.failure(error);
      deps.metrics.outbound('failed');
      // A host that wants no mail at all bounces none while another may only be down.
      if (refused.temporary || failure?.temporary !== true) failure = refused;
      continue;
    }
    deps.metrics.outbound(session.used === 0 ? 'opened' : 'reused');
    try {
      return await conversed(session, deps.sessions, offered, deps);
    } catch (error) {
      failure = deps.failure(error);
      // A host that refuses this message is there for others.
      spoke ||= failure.remote !== undefined && failure.code !== 421;
      // After the final dot the message may have been taken: another host now would make a second copy for sure.
      if (!failure.temporary || failure.uncertain) break;
      if (failure.blame === 'us') break;
    }
  }
  failure ??= smtpError('connectionFailed', { detail: 'no host to try' });
  const down = failure.temporary && !spoke && failure.blame !== 'us';
  const tried = failure.blame === 'us' ? 'untried' : 'answered';
  return { ...unanswered(job, failure, down ? 'unreachable' : tried), hop: last };
}

/** Of relaying: how a store is reached is its policy's to say. */
function withWish(hop: NextHop, ofMessage: TlsWish | undefined): NextHop {
  const wish = isStore(hop) ? undefined : wishFor(ofMessage, hop.tls);
  return wish === undefined ? hop : { ...hop, wish };
}

/** A transaction on a session that is at hand, whose owner ends it: what fails there says nothing of the destination. */
export async function offerOn(session: Session, offered: Offered, deps: OfferDeps): Promise<Outcome> {
  try {
    if (wishOf(offered.message.envelope) === 'required' && !session.requiresTls) {
      throw smtpError('heldForPickUp', { detail: 'over TLS, by who supports REQUIRETLS' });
    }
    return await conversed(session, NO_OTHER, offered, deps);
  } catch (error) {
    return { ...unanswered(offered.job, deps.failure(error), 'untried'), hop: session.hop };
  }
}

/** One message to one host, whatever that takes. */
async function conversed(
  session: Session,
  sessions: Pick<Sessions, 'acquire' | 'release'>,
  { message, job, destination }: Offered,
  { queue, failure }: OfferDeps,
): Promise<Outcome> {
  const brought = await converse(session, {
    ...rewriteFor(destination, message),
    ...{ sessions, destination: destination.key, recipients: job.recipients, failure },
    attempt: { id: message.envelope.firstId ?? message.id, number: job.attempts + 1 },
    owns: () => queue.owns(message.id),
  });
  return { destination: 'answered', ...brought };
}

/** Of a session that its owner has made: there is no other, and it is the owner's to end. */
const NO_OTHER: Pick<Sessions, 'acquire' | 'release'> = {
  acquire: async () => {
    throw smtpError('connectionLost', { detail: 'this session takes no more' });
  },
  release: () => {},
};

function unanswered(job: Job, failure: SmtpError, destination: Outcome['destination']): Outcome {
  const reply = storedReply(failure);
  const waitMs = failure.retryAfter === undefined ? undefined : failure.retryAfter * 1000;
  return { destination, reply, waitMs, results: forAll(job, reply) };
}
