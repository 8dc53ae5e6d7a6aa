/** Mail hosts of a domain in the order in which they are to be tried (RFC 5321 §5.1). */
import { smtpError } from '../errors.ts';
import type { Random } from '../random.ts';
import { shuffled } from './addresses.ts';
import type { MxRecord } from './dns-answer.ts';
import type { Resolver } from './resolver.ts';

export interface MailHost {
  readonly host: string;
  readonly preference: number;
  /** What names it; absent where a domain has no MX record, and is its own host. */
  readonly namedBy?: MxRecords;
}

/** MX records, as far as who they name is to be believed (RFC 7672 §2.2.1). */
export interface MxRecords {
  readonly secure: boolean;
  /** The domain that was asked about, and the one that it is an alias of. */
  readonly domains: readonly string[];
}

/** A domain may list any number; nobody needs more. */
const MX_HOSTS = 20;

/**
 * MX hosts by preference, equal ones shuffled; the domain itself where it has no MX record. Rejects with
 * `noSuchDomain`, `nullMx`, or `dnsTemporary`: not knowing the MX never leads to the domain's own address.
 */
export async function lookupMx(domain: string, resolver: Resolver, random: Random): Promise<MailHost[]> {
  const answer = await resolver.lookup(domain, 'MX');
  switch (answer.status) {
    case 'failed':
      throw smtpError('dnsTemporary', { detail: `MX of ${domain}: ${answer.reason}` });
    case 'noDomain':
      throw smtpError('noSuchDomain', { detail: domain });
    case 'noData':
      return [{ host: domain, preference: 0 }];
    case 'found': {
      // RFC 7505 §3: a null MX stands alone. Why it is not looked for at RCPT: docs/decisions/0303.
      if (answer.records.length === 1 && answer.records[0]!.exchange === '') {
        throw smtpError('nullMx', { detail: domain });
      }
      const namedBy = { secure: answer.authenticated, domains: [...new Set([domain, answer.name])] };
      return byPreference(answer.records, random)
        .slice(0, MX_HOSTS)
        .map((host) => ({ ...host, namedBy }));
    }
  }
}

function byPreference(records: readonly MxRecord[], random: Random): MailHost[] {
  return shuffled(records, random)
    .filter(({ exchange }) => exchange !== '')
    .map(({ exchange, preference }) => ({ host: exchange, preference }))
    .sort((one, other) => one.preference - other.preference);
}
