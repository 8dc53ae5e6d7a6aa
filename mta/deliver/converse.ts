/**
 * One message to one host, in as many transactions as that takes: as many recipients in each as it says that it takes (RFC 9422),
 * or is found to (RFC 5321 §4.5.3.1.10), on one session after the other where it takes only so much in one. All of them are one
 * attempt. Rejects where nobody has an answer; else who has none is answered with what went wrong.
 */
import type { Envelope } from '../envelope.ts';
import type { SmtpError } from '../errors.ts';
import type { MessageContent } from '../queue/types.ts';
import type { DestinationKey, NextHop } from '../route/types.ts';
import { isOverLimit, storedReply } from '../settle.ts';
import type { Attempt, RecipientResult, Session, Sessions } from './types.ts';

export interface Conversation {
  readonly sessions: Pick<Sessions, 'acquire' | 'release'>;
  readonly destination: DestinationKey;
  readonly envelope: Envelope;
  readonly content: MessageContent;
  readonly attempt: Attempt;
  /** Indexes into `envelope.recipients`; one at least. */
  readonly recipients: readonly number[];
  /** Whether the message is still ours to send. */
  readonly owns: () => boolean;
  readonly failure: (error: unknown) => SmtpError;
}

export interface Conversed {
  readonly results: readonly RecipientResult[];
  readonly hop: NextHop;
  readonly tls: string | undefined;
  readonly notifies: boolean;
  readonly deliversBy: boolean;
}

/** @param first is released, as are all that follow it */
export async function converse(first: Session, conversation: Conversation): Promise<Conversed> {
  const { sessions, destination, envelope, owns } = conversation;
  const results: RecipientResult[] = [];
  let left = conversation.recipients;
  let session = first;
  let { notifies, deliversBy } = first;
  // A connection may end between two transactions: that says nothing of the host.
  let mayBeLost = session.used > 0;
  try {
    while (left.length > 0) {
      const batch = session.batch(left.map((index) => envelope.recipients[index]!.address));
      const chosen = batch.map((position) => left[position]!);
      // Had none of these it would be taken again.
      if (chosen.length === 0) session.close();
      else {
        try {
          const again = await transact(session, conversation, chosen, results);
          const done = new Set(chosen.filter((index) => !again.has(index)));
          left = left.filter((index) => !done.has(index));
          notifies &&= session.notifies;
          deliversBy &&= session.deliversBy;
          mayBeLost = true;
        } catch (error) {
          const failure = conversation.failure(error);
          if (!mayBeLost || !failure.closes || failure.uncertain || !owns()) throw failure;
        }
      }
      if (left.length > 0 && !session.reusable) {
        sessions.release(session);
        session = await sessions.acquire(first.hop, destination);
        mayBeLost = session.used > 0;
      }
    }
  } catch (error) {
    const failure = conversation.failure(error);
    if (results.length === 0) throw failure;
    const reply = storedReply(failure);
    results.push(...left.map((recipient) => ({ recipient, reply })));
  } finally {
    sessions.release(session);
  }
  return { results, hop: session.hop, tls: session.tls, notifies, deliversBy };
}

/** Adds what it brings; those that were over a limit while others were taken are to have a transaction of their own. */
async function transact(
  session: Session,
  { envelope, content, attempt, owns }: Conversation,
  recipients: readonly number[],
  results: RecipientResult[],
): Promise<ReadonlySet<number>> {
  const transaction = session.transaction();
  transaction.begin(envelope, attempt);
  for (const index of recipients) transaction.recipient(envelope.recipients[index]!, index);
  transaction.body(content, owns);
  const answers = await transaction.commit();
  const someTaken = answers.some(({ reply }) => reply.code < 400);
  const again = new Set<number>();
  for (const answer of answers) {
    if (someTaken && isOverLimit(answer.reply)) again.add(answer.recipient);
    else results.push(answer);
  }
  return again;
}
