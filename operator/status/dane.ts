/** What an MTA says of TLSA records: which are to be published, since when they are listed, and which keys wait for that. Pure. */
import { reasons } from '../../crds/conditions.ts';
import { type DnsRecord, MOST_RECORDS } from '../../crds/status.ts';
import type { Early, Tlsa, Waiting } from '../compile/key-rollover.ts';
import { keyOf, withoutTwins } from '../compile/tlsa-records.ts';
import { timeOf } from './mta-rules.ts';
import type { Verdict } from './rules.ts';

/** Those of a status as it is stored. */
export const listedIn = (status: unknown): readonly DnsRecord[] =>
  (status as { readonly records?: readonly DnsRecord[] } | undefined)?.records ?? [];

/**
 * A record that is there keeps its time. One of a key that nothing shows any more goes when every pod has loaded the config without it
 * (RFC 7671 §8.1): resolvers that have it have that of the new key, too.
 *
 * @param before what the status has
 * @param now ms since the epoch
 */
export function recordsFrom(
  { records }: Tlsa,
  before: readonly DnsRecord[],
  isLoaded: boolean,
  now: number,
): readonly DnsRecord[] {
  const since = new Map(before.map((record) => [keyOf(record), record.since]));
  const listed = records.map((record) => ({ ...record, since: since.get(keyOf(record)) ?? timeOf(now) }));
  const wanted = new Set(listed.map(keyOf));
  const rest = isLoaded ? [] : before.filter((record) => !wanted.has(keyOf(record)));
  return withoutTwins([...listed, ...rest].slice(0, MOST_RECORDS));
}

/** Undefined where nobody asks for records. */
export function daneVerdict({ isWanted, waiting, early, records }: Tlsa): Verdict | undefined {
  if (!isWanted) return undefined;
  const no = { status: 'False' } as const;
  if (early[0] !== undefined) {
    return { ...no, reason: reasons.KeyUsedEarly, message: earlyMessage(early[0], early.length - 1) };
  }
  const [first, ...others] = waiting.toSorted((one, other) => one.until - other.until);
  if (first !== undefined) {
    return { ...no, reason: reasons.KeyWaits, message: waitingMessage(first, others.length) };
  }
  const message = `The ${records.length} records in status.records are those of all keys: see that DNS has these and no others`;
  return { status: 'True', reason: reasons.DANEReady, message };
}

const shown = ({ name, type, value }: DnsRecord): string => `${name} ${type} ${value}`;
const andMore = (count: number): string => (count > 0 ? ` (and ${count} more)` : '');

function waitingMessage(
  { listener, id, until, isEarly, records: [first, ...others] }: Waiting,
  more: number,
) {
  const why = isEarly
    ? 'when the certificate before it expires, and its records have been listed for less than tls.dane.lead'
    : 'when its records have been listed for tls.dane.lead';
  return `Secret ${id.split('/')[2]} of listener ${listener} has a new key, which is used from ${timeOf(until)} on, ${why}: publish ${shown(first!)}${andMore(others.length)} beside what there is${more > 0 ? `; ${more} more waits` : ''}`;
}

const earlyMessage = ({ listener, record, until }: Early, more: number): string =>
  `Listener ${listener} shows a key whose record has not been listed for tls.dane.lead, as the certificate before it could not be shown any longer: see that DNS has ${shown(record)}${andMore(more)} now; until ${timeOf(until)} senders that know the old record alone may keep their mail waiting`;
