/**
 * Failure-coded recipients: what the inbox does with a recipient is said by its local part, so that every way a next
 * hop can fail is one message away. `docs/local-mode.md` has the table. Pure.
 */
export type Behaviour =
  | { readonly kind: 'accept' }
  /** Refuse at RCPT, or after the final dot; `times` refusals, then accept; without it, always. */
  | { readonly kind: 'refuse'; readonly code: number; readonly at: 'rcpt' | 'data'; readonly times?: number }
  /** Never answer. */
  | { readonly kind: 'silence' }
  /** Accept, but late. */
  | { readonly kind: 'slow' };

const coded = /^(?<data>data-)?(?<code>[45][0-5]\d)(?:-(?<times>[1-9]\d{0,2}))?$/i;

/** @param localPart as given, quotes and all: a quoted local part is an ordinary recipient. */
export function behaviourOf(localPart: string): Behaviour {
  const word = localPart.toLowerCase();
  if (word === 'timeout') return { kind: 'silence' };
  if (word === 'slow') return { kind: 'slow' };
  const { data, code, times } = coded.exec(word)?.groups ?? {};
  if (code === undefined) return { kind: 'accept' };
  return {
    kind: 'refuse',
    code: Number(code),
    at: data === undefined ? 'rcpt' : 'data',
    ...(times === undefined ? {} : { times: Number(times) }),
  };
}

// RFC 3463 §3: mailbox, mail system and delivery protocol statuses that go with the usual replies.
const statuses: Readonly<Record<number, readonly [enhanced: string, text: string]>> = {
  421: ['4.3.2', 'Service not available, closing the channel'],
  450: ['4.2.0', 'Mailbox temporarily unavailable'],
  451: ['4.3.0', 'Local error in processing'],
  452: ['4.2.2', 'Mailbox full for the moment'],
  550: ['5.1.1', 'No such mailbox'],
  552: ['5.2.2', 'Mailbox full'],
  553: ['5.1.3', 'Mailbox name not allowed'],
  554: ['5.7.1', 'Refused'],
};

/** The reply line for a code, without its CRLF: `450 4.2.0 Mailbox temporarily unavailable (as its name asks)`. */
export function codedReply(code: number): string {
  const [enhanced, text] = statuses[code] ?? [`${Math.floor(code / 100)}.0.0`, 'Refused'];
  return `${code} ${enhanced} ${text} (as its name asks)`;
}
