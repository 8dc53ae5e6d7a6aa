/** Whose reports are asked for, and where they come by mail: by config alone. Pure. */
import type { Domain, MtaConfig } from '../../config.ts';
import { compileOwners } from '../../policy/recipients.ts';
import { normalizeDomain } from '../../route/patterns.ts';

/** Those that have a mailbox for them here, by name, aliases among them: where `rua` alone stands, reports go to others. */
export type AskedDomains = ReadonlyMap<string, Domain>;

export function compileAsked({ domains }: Pick<MtaConfig, 'domains'>): AskedDomains {
  return new Map(
    domains
      .filter(({ tlsRpt }) => tlsRpt?.mailbox !== undefined)
      .flatMap((domain) =>
        [domain.domain, ...domain.aliases].map((name) => [normalizeDomain(name), domain] as const),
      ),
  );
}

/** Whether mail for a local part is for the mta itself; undefined where the domain has no such mailbox. Made once per config. */
export function reportMailbox(
  domain: Pick<Domain, 'tlsRpt' | 'recipients'>,
): ((localPart: string) => boolean) | undefined {
  if (domain.tlsRpt?.mailbox === undefined) return undefined;
  const ownerOf = compileOwners(domain);
  return (localPart) => ownerOf(localPart) === 'reports';
}
