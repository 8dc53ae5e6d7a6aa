/**
 * The mailbox that reports are sent to (RFC 8460 §5.3): what comes of a mail for it. A report is counted; anything else is discarded, and
 * either way the recipient has been delivered to. Mail to an address that stands in DNS comes from whoever read it there, with whatever
 * reverse-path (RFC 5321 §6.2), and RFC 8460 §5.3 has what is no report ignored. Where the volume fails the mail waits, and is expired in
 * the end, as any mail is; the flow tells nobody of either. Where one has waited for its turn for long, more come than can be read, and what
 * comes then is discarded unread: the queue is for other mail, too.
 */
import type { Clock } from '../../clock.ts';
import { smtpError } from '../../errors.ts';
import type { StoredMessage, StoredReply } from '../../queue/types.ts';
import { storedReply } from '../../settle.ts';
import type { ReportIntake } from './intake.ts';
import { reportIn } from './message.ts';

export interface ReportMailbox {
  /** Never rejects. */
  deliver(message: Pick<StoredMessage, 'content'>): Promise<StoredReply>;
}

/** Reading the ordinary ones takes some ms each: not even hundreds at once wait so long. A volume that fails is known to by then. */
const LONGEST_WAIT_MS = 15_000;

export function createMailbox(
  intake: Pick<ReportIntake, 'take' | 'skip'>,
  clock: Pick<Clock, 'monotonic'>,
): ReportMailbox {
  /** Since when each waits for its turn; the first has waited longest. */
  const waiting = new Map<symbol, number>();
  let volumeFails = false;
  /** While the volume fails all of them wait, and none is to blame. */
  const isFlooded = (): boolean => {
    const [since] = waiting.values();
    return !volumeFails && since !== undefined && clock.monotonic() - since > LONGEST_WAIT_MS;
  };
  return {
    async deliver({ content }) {
      if (isFlooded()) {
        intake.skip();
        return delivered(`${DISCARDED}: too many reports wait`);
      }
      const turn = Symbol();
      waiting.set(turn, clock.monotonic());
      try {
        // RFC 8460 §3: a mail without a valid DKIM signature of the reporting domain is to be ignored. Nothing here verifies
        // one yet, so a report by mail is as good as the word of whoever sent it (docs/tls-reports-received.md). This is the place.
        const { result, text } = await intake.take(() => {
          waiting.delete(turn);
          return reportIn(content);
        }, 'mail');
        volumeFails = false;
        return delivered(`${result === 'counted' ? 'TLS report taken' : DISCARDED}: ${text}`);
      } catch (cause) {
        volumeFails = true;
        const why = cause instanceof Error ? cause.message : String(cause);
        return storedReply(
          smtpError('localError', { detail: `the TLS report could not be kept: ${why}`, cause }),
        );
      } finally {
        waiting.delete(turn);
      }
    },
  };
}

const DISCARDED = 'Discarded by the mailbox for TLS reports';

const delivered = (text: string): StoredReply => ({ code: 250, enhanced: '2.0.0', text });
