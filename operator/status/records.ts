/** What people are to put into DNS for their domains, by what the fleet's config publishes. Pure. */
import { hash } from 'node:crypto';
import type { MtaSpec } from '../../crds/mta.ts';
import type { DnsRecord } from '../../crds/status.ts';
import { type Domain, type MtaConfig, policyHost, REPORTS_PATH } from '../../mta/config.ts';
import { domainName } from '../compile/names.ts';

/** By resource: `MailDomain/mail/example`. */
export type Records = ReadonlyMap<string, readonly DnsRecord[]>;

/** @param spec of the MTA, which says where the world reaches what is published */
export function recordsOf(config: MtaConfig, spec: Pick<MtaSpec, 'hostname' | 'web'>): Records {
  const host = spec.web?.hostname ?? spec.hostname;
  const webHost = domainName(host) ?? host;
  return new Map(
    config.domains.flatMap((domain) => {
      const records = domainRecords(domain, webHost);
      return records.length === 0 ? [] : [[domain.resource, records] as const];
    }),
  );
}

/** RFC 1035 §2.3.4, without its lengths of labels: below a domain that is nearly as long there is nothing. */
const LONGEST_NAME = 253;

function domainRecords(domain: Domain, webHost: string): DnsRecord[] {
  return [domain.domain, ...domain.aliases]
    .flatMap((name) => [...mtaStsRecords(name, domain, webHost), ...tlsRptRecords(name, domain)])
    .filter(({ name }) => name.length <= LONGEST_NAME);
}

function mtaStsRecords(name: string, { mtaSts }: Domain, webHost: string): DnsRecord[] {
  if (mtaSts === undefined) return [];
  return [
    { name: policyHost(name), type: 'CNAME', value: `${webHost}.` },
    { name: `_mta-sts.${name}`, type: 'TXT', value: `v=STSv1; id=${policyId(mtaSts.policy)};` },
  ];
}

/** RFC 8460 §3 */
function tlsRptRecords(name: string, { tlsRpt, mtaSts }: Domain): DnsRecord[] {
  if (tlsRpt === undefined) return [];
  const { mailbox, rua } = tlsRpt;
  const ours = mailbox === undefined ? [] : [`mailto:${mailbox}@${name}`];
  if (mailbox !== undefined && mtaSts !== undefined) ours.push(`https://${policyHost(name)}${REPORTS_PATH}`);
  const uris = new Set([...ours, ...rua]);
  return [{ name: `_smtp._tls.${name}`, type: 'TXT', value: `v=TLSRPTv1; rua=${[...uris].join(',')}` }];
}

/** RFC 8461 §3.1: 1 to 32 letters and digits, others where the policy is another. */
const policyId = (policy: string): string => hash('sha256', policy).slice(0, 20);
