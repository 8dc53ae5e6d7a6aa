/** What a DNS response says: records of the type that was asked for, at the end of any aliases. Pure. */
import type { Answer } from 'dns-packet';
import type { DnsQuestion, DnsResponse } from './dns-exchange.ts';

export interface MxRecord {
  readonly preference: number;
  /** Without a trailing dot; empty is the null MX (RFC 7505 §3). */
  readonly exchange: string;
}

/** RFC 6698 §2.1. */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  /** Certificate association data, in hexadecimal. */
  readonly data: string;
}

/** Record types that are looked up, and what each becomes. */
export interface RecordData {
  readonly A: string;
  readonly AAAA: string;
  readonly MX: MxRecord;
  /** Its strings put together. */
  readonly TXT: string;
  readonly CNAME: string;
  readonly TLSA: TlsaRecord;
}

export type LookupType = keyof RecordData;

/**
 * `ttl` in seconds; `authenticated` is the AD bit of every answer on the way, from a resolver that is trusted to set it; `name`
 * is where aliases have led: the name that was asked about where there are none.
 */
export type DnsResult<T extends LookupType> =
  | {
      readonly status: 'found';
      readonly records: readonly RecordData[T][];
      readonly ttl: number;
      readonly authenticated: boolean;
      readonly name: string;
    }
  /** `noData`: the name exists without such a record; `noDomain`: it does not exist (RFC 2308 §2). */
  | {
      readonly status: 'noData' | 'noDomain';
      readonly ttl: number;
      readonly authenticated: boolean;
      readonly name: string;
    }
  /** SERVFAIL, a timeout, nonsense: nothing is known, ask again later. */
  | { readonly status: 'failed'; readonly reason: string };

/** An alias whose target the response does not hold: the question to go on with. */
export interface Alias {
  readonly status: 'alias';
  readonly target: string;
  readonly ttl: number;
  readonly authenticated: boolean;
}

/** A loop in one response ends after as many steps as it has records. */
export function readAnswer<T extends LookupType>(
  response: DnsResponse,
  question: DnsQuestion & { readonly type: T },
): DnsResult<T> | Alias {
  if (response.rcode !== 'NOERROR' && response.rcode !== 'NXDOMAIN') {
    return { status: 'failed', reason: response.rcode };
  }
  const authenticated = response.flag_ad;
  const answers = response.answers ?? [];
  let name = canonical(question.name);
  let ttl = Number.POSITIVE_INFINITY;
  for (let step = 0; step < answers.length; step++) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && canonical(answer.name) === name);
    if (alias === undefined || question.type === 'CNAME') {
      break;
    }
    name = canonical(String((alias as { data: unknown }).data));
    if (name === canonical(question.name)) {
      // Not an absence of records, which would send mail elsewhere or return it.
      return { status: 'failed', reason: `${name} is an alias of itself` };
    }
    ttl = Math.min(ttl, ttlOf(alias));
  }
  const matching = answers.filter(
    (answer) => answer.type === question.type && canonical(answer.name) === name,
  );
  if (matching.length > 0) {
    return {
      status: 'found',
      records: matching.map((answer) => readRecord(answer) as RecordData[T]),
      ttl: Math.min(ttl, ...matching.map(ttlOf)),
      authenticated,
      name,
    };
  }
  if (response.rcode === 'NOERROR' && name !== canonical(question.name) && !hasSoa(response)) {
    return { status: 'alias', target: name, ttl, authenticated };
  }
  return {
    status: response.rcode === 'NXDOMAIN' ? 'noDomain' : 'noData',
    ttl: Math.min(ttl, negativeTtl(response)),
    authenticated,
    name,
  };
}

function readRecord(answer: Answer): RecordData[LookupType] {
  if (answer.type === 'MX') {
    return { preference: answer.data.preference ?? 0, exchange: canonical(answer.data.exchange) };
  }
  if (answer.type === 'TLSA') {
    const { certificate, usage, selector, matchingType } = answer.data;
    return { usage, selector, matchingType, data: certificate.toString('hex') };
  }
  if (answer.type === 'TXT') {
    const strings = [answer.data].flat().map((text) => Buffer.from(text));
    return Buffer.concat(strings).toString('latin1');
  }
  const { data } = answer as { data: string };
  return answer.type === 'CNAME' ? canonical(data) : data;
}

function canonical(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

function ttlOf(answer: Answer): number {
  return 'ttl' in answer ? (answer.ttl ?? 0) : 0;
}

function hasSoa(response: DnsResponse): boolean {
  return response.authorities?.some((record) => record.type === 'SOA') === true;
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its minimum; without an SOA nothing may be kept. */
function negativeTtl(response: DnsResponse): number {
  const soa = response.authorities?.find((record) => record.type === 'SOA');
  return soa?.type === 'SOA' ? Math.min(ttlOf(soa), soa.data.minimum ?? 0) : 0;
}
