/**
 * The mailbox that reports are sent to (RFC 8460 §5.3): what comes of a mail for it. A report is counted; anything else is discarded, and
 * either way the recipient has been delivered to. Mail to an address that stands in DNS comes from whoever read it there, with whatever
 * reverse-path (RFC 5321 §6.2), and RFC 8460 §5.3 has what is no report ignored. Where the volume fails the mail waits, and is expired in
 * the end, as any mail is; the flow tells nobody of either.
 */
import { smtpError } from '../../errors.ts';
import type { StoredMessage, StoredReply } from '../../queue/types.ts';
import { storedReply } from '../../settle.ts';
import type { ReportIntake } from './intake.ts';
import { reportIn } from './message.ts';

export interface ReportMailbox {
  /** Never rejects. */
  deliver(message: Pick<StoredMessage, 'content'>): Promise<StoredReply>;
}

export function createMailbox(intake: Pick<ReportIntake, 'take'>): ReportMailbox {
  return {
    async deliver({ content }) {
      try {
        // RFC 8460 §3: a mail without a valid DKIM signature of the reporting domain is to be ignored. Nothing here verifies
        // one yet, so a report by mail is as good as the word of whoever sent it (docs/tls-reports-received.md). This is the place.
        const { result, text } = await intake.take(() => reportIn(content), 'mail');
        const what = result === 'counted' ? 'TLS report taken' : 'Discarded by the mailbox for TLS reports';
        return { code: 250, enhanced: '2.0.0', text: `${what}: ${text}` };
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        return storedReply(
          smtpError('localError', { detail: `the TLS report could not be kept: ${why}`, cause }),
        );
      }
    },
  };
}
