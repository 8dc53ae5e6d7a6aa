/**
 * Which certificates a listener shows while TLSA records are published for it. A new key is shown once its records have been listed for long enough
 * that no resolver has them without it (RFC 7671 §8.1); until then the certificate of before goes on, which is in the config that the fleet has.
 *
 * When that expires, the new one is shown, whoever knows its record: senders that do DANE take no notice of the date (RFC 7671 §5.1), but those that
 * verify by MTA-STS or by an authority would refuse every message from then on, while a record can be published at once. Pure.
 */
import { X509Certificate } from 'node:crypto';
import { type DnsRecord, MOST_RECORDS } from '../../crds/status.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { keyOf, tlsaRecords, tlsaValue, withoutTwins } from './tlsa-records.ts';

/** What compile has to know, where records are shown to somebody. */
export interface Listed {
  /** Ms since the epoch. */
  readonly now: number;
  /** The records that the status of the MTA shows. */
  readonly records: readonly DnsRecord[];
}

/** A certificate and its key, and what they are called in the config. */
export interface ShownPair {
  readonly ids: { readonly certificate: string; readonly key: string };
  /** PEM. */
  readonly chain: string;
  readonly key: string;
}

export interface DaneListener {
  readonly name: string;
  readonly hostname: string;
  /** In lower case; those of hostname and certificates where empty. */
  readonly names: readonly string[];
  readonly leadMs: number;
}

/** A certificate that is not shown yet. */
export interface Waiting {
  readonly listener: string;
  /** What its certificate is called in the config: `Secret/mail/mx-tls/tls.crt`. */
  readonly id: string;
  /** Ms since the epoch. */
  readonly until: number;
  /** The certificate before expires then, before the records have stood for long enough. */
  readonly isEarly: boolean;
  readonly records: readonly DnsRecord[];
}

/** A record that has not stood for long enough, and whose key is shown. */
export interface Early {
  readonly listener: string;
  readonly record: DnsRecord;
  /** When it will have, in ms since the epoch. */
  readonly until: number;
}

export interface Tlsa {
  /** Whether any listener has its records published. */
  readonly isWanted: boolean;
  /** As many as there is room for. Without times: the status has them. */
  readonly records: readonly DnsRecord[];
  readonly waiting: readonly Waiting[];
  readonly early: readonly Early[];
  /** When something of this will be otherwise, in ms since the epoch, though nothing changes. */
  readonly next: number | undefined;
}

export class KeyRollover {
  readonly #listed: Listed | undefined;
  readonly #programmed: MtaConfig | undefined;
  readonly #since: ReadonlyMap<string, number>;
  #isWanted = false;
  readonly #wanted: DnsRecord[] = [];
  readonly #shown: { readonly listener: DaneListener; readonly records: readonly DnsRecord[] }[] = [];
  readonly #waiting: Waiting[] = [];

  /** @param listed undefined where records are shown to nobody: then nothing waits for them */
  constructor(listed: Listed | undefined, programmed: MtaConfig | undefined) {
    this.#listed = listed;
    this.#programmed = programmed;
    this.#since = new Map(listed?.records.map((record) => [keyOf(record), Date.parse(record.since ?? '')]));
  }

  /**
   * Those of `wanted` that may be shown, and in the place of others what is shown now. The first has one in its place always, and what waits to be
   * the first goes on where it is shown already.
   */
  choose(listener: DaneListener, wanted: readonly ShownPair[]): readonly ShownPair[] {
    if (this.#listed === undefined) return wanted;
    this.#isWanted = true;
    const before = this.#before(listener.name);
    const recordsOf = eachOnce((chains) => tlsaRecords(listener.names, listener.hostname, chains));
    const old = recordsOf(before);
    const all = recordsOf(wanted);
    // Whose records nobody can have asked for needs none before it is shown.
    const known = new Set([...old, ...this.#listed.records].map(({ name }) => name));
    const isShown = new Set(old.map(keyOf));
    const chosen = wanted.flatMap((pair, place) => {
      const value = tlsaValue(pair.chain);
      const records = all.filter(
        (record) => record.value === value && known.has(record.name) && !isShown.has(keyOf(record)),
      );
      return this.#use(listener, { pair, place, records }, before);
    });
    const isWhole = chosen.every((pair, place) => pair === wanted[place]);
    const used = isWhole ? chosen : inOrderOf(before, chosen, wanted);
    const shown = recordsOf(used);
    this.#wanted.push(...all);
    this.#shown.push({ listener, records: shown });
    return used;
  }

  /** Records of all that was wanted until now. While keys change, those of other keys are listed beside them. */
  get wantedCount(): number {
    return withoutTwins(this.#wanted).length;
  }

  result(): Tlsa | undefined {
    if (this.#listed === undefined) return undefined;
    const early = this.#shown.flatMap(({ listener, records }) => this.#early(listener, records));
    const stale = early.flatMap(({ record: { name } }) => this.#stale(name));
    const times = [...this.#waiting, ...early].map(({ until }) => until);
    return {
      isWanted: this.#isWanted,
      records: withoutTwins(this.#byNeed(stale).slice(0, MOST_RECORDS)).map(
        ({ since: _, ...record }) => record,
      ),
      ...{ waiting: this.#waiting, early },
      next: times.length > 0 ? Math.min(...times) : undefined,
    };
  }

  /** @param records of the pair that have to be listed for a while before it is shown */
  #use(
    listener: DaneListener,
    { pair, place, records }: { pair: ShownPair; place: number; records: readonly DnsRecord[] },
    before: readonly ShownPair[],
  ): readonly ShownPair[] {
    const { now } = this.#listed!;
    const due = Math.max(...records.map((record) => this.#dueAt(record, listener.leadMs)), 0);
    if (due <= now) return [pair];
    const own = before[placeIn(before, pair)];
    const old = place === 0 ? before[0] : own;
    // There is nothing else to show, or nothing that is needed: further certificates come when they may.
    if (old === undefined && place === 0) return [pair];
    const expires = old === undefined ? Number.POSITIVE_INFINITY : expiryOf(old.chain);
    if (expires <= now && expiryOf(pair.chain) > now) return [pair];
    // Where both have expired, there is nothing to be had from haste.
    const until = expires <= now ? due : Math.min(due, expires);
    const { name } = listener;
    this.#waiting.push({
      ...{ listener: name, id: pair.ids.certificate, until, isEarly: until < due, records },
    });
    return [old, own].filter((each) => each !== undefined);
  }

  get #ours(): readonly DnsRecord[] {
    return [...this.#wanted, ...this.#shown.flatMap(({ records }) => records)];
  }

  /** What is needed most comes first: DNS has those that are listed, and a key whose record never is would wait for ever. Each once. */
  #byNeed(stale: readonly DnsRecord[]): readonly DnsRecord[] {
    const listed = this.#ours.filter((record) => this.#since.has(keyOf(record)));
    const inOrder = [listed, this.#wanted, this.#ours, stale].flatMap(withoutTwins);
    return [...new Map(inOrder.map((record) => [keyOf(record), record])).values()];
  }

  #dueAt(record: DnsRecord, leadMs: number): number {
    const since = this.#since.get(keyOf(record)) ?? Number.NaN;
    return (Number.isNaN(since) ? this.#listed!.now : since) + leadMs;
  }

  /** Of those that are shown: with an older record of the name beside them, which may be all that a resolver has. */
  #early(listener: DaneListener, records: readonly DnsRecord[]): readonly Early[] {
    const { now } = this.#listed!;
    const isListed = (record: DnsRecord) => this.#since.has(keyOf(record));
    const olderThan = (record: DnsRecord) =>
      this.#stale(record.name).some(
        (old) => !isListed(record) || this.#since.get(keyOf(old))! < this.#since.get(keyOf(record))!,
      );
    return records.flatMap((record) => {
      const until = this.#dueAt(record, listener.leadMs);
      const isEarly = until > now && olderThan(record);
      return isEarly ? [{ listener: listener.name, record, until }] : [];
    });
  }

  /** Listed records of a name whose keys nobody shows, or will. */
  #stale(name: string): readonly DnsRecord[] {
    const ours = new Set(this.#ours.map(keyOf));
    return this.#listed!.records.filter((record) => record.name === name && !ours.has(keyOf(record)));
  }

  /** What the listener shows now, called so that a Secret's newer value has its own place beside it. */
  #before(listener: string): readonly ShownPair[] {
    const { listeners = [], secrets = {} } = this.#programmed ?? {};
    const { tls } = listeners.find(({ name }) => name === listener) ?? {};
    if (tls?.certificate === undefined || tls.key === undefined) return [];
    const pairs = [{ certificate: tls.certificate, key: tls.key }, ...(tls.moreCertificates ?? [])];
    return pairs.flatMap((ids) => {
      const [chain, key] = [secrets[ids.certificate], secrets[ids.key]];
      return chain === undefined || key === undefined ? [] : [{ ids: keptIds(ids, chain), chain, key }];
    });
  }
}

/** Nearly always the pairs before, wanted and shown are the same ones, and many certificates have many names to be looked up. */
function eachOnce(find: (chains: readonly string[]) => readonly DnsRecord[]) {
  const found = new Map<string, readonly DnsRecord[]>();
  return (pairs: readonly ShownPair[]): readonly DnsRecord[] => {
    const chains = pairs.map(({ chain }) => chain);
    const key = chains.join();
    const records = found.get(key) ?? find(chains);
    found.set(key, records);
    return records;
  };
}

const expiryOf = (chain: string): number => Date.parse(new X509Certificate(chain).validTo);

/** `Secret/mail/mx-tls/tls.crt`, and a kept one `Secret/mail/mx-tls/tls.crt/3f…`. */
const LENGTH_OF_ID = 4;
const secretOf = (id: string): string =>
  id
    .split('/')
    .slice(0, LENGTH_OF_ID - 1)
    .join('/');

const isOfOneSecret = (one: ShownPair['ids'], other: ShownPair['ids']): boolean =>
  secretOf(one.certificate) === secretOf(other.certificate);

const isSame = (one: ShownPair, other: ShownPair): boolean =>
  one.chain === other.chain && one.key === other.key;

/** Of the same pair, or else of what its Secret had before; -1 where there is neither. */
function placeIn(before: readonly ShownPair[], pair: ShownPair): number {
  const place = before.findIndex((each) => isSame(each, pair));
  return place >= 0 ? place : before.findIndex(({ ids }) => isOfOneSecret(ids, pair.ids));
}

/**
 * Each once, called as it is in `wanted` where it is there. Behind the first they stand as before: of two that have a name, the earlier is shown, and
 * the record of the other may be one that is waited for.
 */
function inOrderOf(
  before: readonly ShownPair[],
  chosen: readonly ShownPair[],
  wanted: readonly ShownPair[],
): readonly ShownPair[] {
  const called = chosen.map((pair) => wanted.find((each) => isSame(each, pair)) ?? pair);
  const [first, ...others] = called.filter(
    (pair, index) => called.findIndex((each) => isSame(each, pair)) === index,
  );
  const place = (pair: ShownPair) => {
    const index = placeIn(before, pair);
    return index >= 0 ? index : before.length;
  };
  return first === undefined ? [] : [first, ...others.toSorted((one, other) => place(one) - place(other))];
}

function keptIds({ certificate, key }: ShownPair['ids'], chain: string): ShownPair['ids'] {
  const print = new X509Certificate(chain).fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase();
  const kept = (id: string) => [...id.split('/').slice(0, LENGTH_OF_ID), print].join('/');
  return { certificate: kept(certificate), key: kept(key) };
}
