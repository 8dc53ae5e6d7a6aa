/**
 * What an answer says of each recipient: the status for all of them (`statuses.ts`), or with a 2xx a document that names
 * each one. What it says is made harmless before it is kept. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { SmtpError } from '../../errors.ts';
import type { StoredReply } from '../../queue/types.ts';
import { sanitize } from '../reply.ts';
import type { RecipientResult } from '../types.ts';
import type { Addressee } from './form.ts';
import { retryAfterSeconds, verdictOf } from './statuses.ts';

export interface Answer {
  readonly status: number;
  /** The reason phrase. */
  readonly reason: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined where it is larger than anybody reads. */
  readonly body: Buffer | undefined;
}

export interface AnswerContext {
  /** Origin of the webhook. */
  readonly remote: string;
  /** Ms since the epoch. */
  readonly now: number;
}

/** A result for each recipient; throws where the whole endpoint is away, or what came is no answer. */
export function resultsOf(
  answer: Answer,
  recipients: readonly Addressee[],
  { remote, now }: AnswerContext,
): RecipientResult[] {
  const verdict = verdictOf(answer.status);
  const said = headline(answer);
  if (verdict === undefined) {
    throw new SmtpError(451, '4.5.0', `${said}, which is no status of an answer`, {
      blame: 'nextHop',
      remote,
    });
  }
  const { code, enhanced, down } = verdict;
  if (down === true) {
    const retryAfter = retryAfterSeconds(answer.headers['retry-after'], now);
    throw new SmtpError(code, enhanced, withReason(said, reasonOf(answer)), {
      ...{ blame: 'nextHop', remote, closes: false },
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  const forAll = (reply: StoredReply) => recipients.map(({ index }) => ({ recipient: index, reply }));
  if (code !== 250) return forAll({ code, enhanced, text: withReason(said, reasonOf(answer)), remote });
  const named = readNamed(answer, recipients);
  if (named === undefined) return forAll({ code, enhanced, text: said, remote });
  if (typeof named === 'string') {
    return forAll({ code: 451, enhanced: '4.5.0', text: sanitize(`${said}, but ${named}`), remote });
  }
  return recipients.map(({ index }) => {
    const entry = named.get(index);
    const reply = entry === undefined ? unnamed(said) : replyOf(entry, said);
    return { recipient: index, reply: { ...reply, remote } };
  });
}

const headline = ({ status, reason }: Answer): string =>
  sanitize(`HTTP ${status}${reason === '' ? '' : ` ${reason}`}`, 100);

const withReason = (said: string, reason: string): string => (reason === '' ? said : `${said}: ${reason}`);

/** What a person reads: text, or what JSON calls a message or a detail (RFC 9457 §3.1.4). Pages of HTML are left out. */
function reasonOf(answer: Answer): string {
  const { status } = answer;
  if (status >= 300 && status < 400) {
    // Where to is not said: it would stand in a bounce, and lead to what is inside.
    return 'redirects are not followed';
  }
  if (answer.body === undefined || isEncoded(answer)) return '';
  const type = typeOf(answer);
  let text = type === 'text/plain' ? answer.body.toString() : '';
  if (isJson(type)) {
    const json = jsonOf(answer.body) as { message?: unknown; detail?: unknown } | undefined | null;
    text = [json?.detail, json?.message].find((each) => typeof each === 'string') ?? '';
  }
  return sanitize(text.replace(/\s+/g, ' ').trim(), 300);
}

const entrySchema = z.strictObject({
  index: z.int().nonnegative().optional(),
  address: z.string().optional(),
  status: z.enum(['delivered', 'deferred', 'bounced']),
  /** RFC 3463; of the class that the status has. */
  code: z
    .string()
    .regex(/^[245]\.\d{1,3}\.\d{1,3}$/)
    .optional(),
  message: z.string().optional(),
});
type Entry = z.infer<typeof entrySchema>;
/** Other members of the document are the receiver's own business. */
const answerSchema = z.looseObject({ recipients: z.array(entrySchema) });

const CODES = {
  delivered: [250, '2.0.0'],
  deferred: [451, '4.0.0'],
  bounced: [550, '5.0.0'],
} as const satisfies Record<Entry['status'], readonly [number, string]>;

function replyOf(entry: Entry, said: string): StoredReply {
  const [code, enhanced] = CODES[entry.status];
  const text = sanitize(`${said}, ${entry.status}${entry.message ? `: ${entry.message}` : ''}`);
  return { code, enhanced: entry.code ?? enhanced, text };
}

/** What was not named has not been taken. */
const unnamed = (said: string): StoredReply => ({
  ...{ code: 451, enhanced: '4.5.0', text: `${said}, but it says nothing of this recipient` },
});

/**
 * What the body says by index of recipient; undefined where it says nothing of recipients, and a sentence where it does in
 * a way that can't be understood. 207 promises that it does: its body must be one that can be read.
 */
function readNamed(
  answer: Answer,
  recipients: readonly Addressee[],
): Map<number, Entry> | string | undefined {
  const promised = answer.status === 207;
  const unless = (problem: string) => (promised ? problem : undefined);
  if (answer.body === undefined) return unless('its body is too large');
  if (!isJson(typeOf(answer)) || isEncoded(answer)) return unless('its body is not JSON');
  const document = jsonOf(answer.body);
  if (document === undefined) return unless('its body is not JSON');
  const hasRecipients = typeof document === 'object' && document !== null && 'recipients' in document;
  if (!hasRecipients) return unless('its body has no recipients');
  const parsed = answerSchema.safeParse(document);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return `its body does not fit: ${path.join('.')}: ${message}`;
  }
  return byIndex(parsed.data.recipients, recipients);
}

function byIndex(entries: readonly Entry[], recipients: readonly Addressee[]): Map<number, Entry> | string {
  const known = new Set(recipients.map(({ index }) => index));
  const byAddress = Map.groupBy(recipients, ({ address }) => address);
  const found = new Map<number, Entry>();
  for (const [at, entry] of entries.entries()) {
    const where = `its body does not fit: recipients.${at}`;
    const named = byAddress.get(entry.address ?? '')?.map(({ index }) => index) ?? [];
    const those = entry.index === undefined ? named : [entry.index];
    if (those.length === 0 || !those.every((index) => known.has(index))) {
      return `${where}: no recipient of this request`;
    }
    if (entry.index !== undefined && entry.address !== undefined && !named.includes(entry.index)) {
      return `${where}: index and address are not of one recipient`;
    }
    if (entry.code !== undefined && entry.code[0] !== CODES[entry.status][1][0]) {
      return `${where}: ${entry.code} is not a code of what was ${entry.status}`;
    }
    for (const index of those) {
      if (found.has(index)) return `${where}: named twice`;
      found.set(index, entry);
    }
  }
  return found;
}

const typeOf = ({ headers }: Answer): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();

const isJson = (type: string): boolean => type === 'application/json' || type.endsWith('+json');

const isEncoded = ({ headers }: Answer): boolean =>
  !['', 'identity'].includes((headers['content-encoding'] ?? '').toLowerCase());

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
