/** Whose reports are asked for, and where they come by mail: by config alone. Pure. */
import type { Domain, MtaConfig } from '../../config.ts';
import { comparable } from '../../policy/recipients.ts';
import { normalizeDomain } from '../../route/patterns.ts';

/** By name, aliases among them. */
export type AskedDomains = ReadonlyMap<string, Domain>;

export function compileAsked({ domains }: Pick<MtaConfig, 'domains'>): AskedDomains {
  return new Map(
    domains
      .filter(({ tlsRpt }) => tlsRpt !== undefined)
      .flatMap((domain) =>
        [domain.domain, ...domain.aliases].map((name) => [normalizeDomain(name), domain] as const),
      ),
  );
}

/** Whether mail for a local part is for the mta itself; undefined where the domain has no such mailbox. Made once per config. */
export function reportMailbox({
  tlsRpt,
  recipients,
}: Pick<Domain, 'tlsRpt' | 'recipients'>): ((localPart: string) => boolean) | undefined {
  const mailbox = tlsRpt?.mailbox?.toLowerCase();
  if (mailbox === undefined) return undefined;
  const subaddress = recipients.subaddressDelimiter && `${mailbox}${recipients.subaddressDelimiter}`;
  return (localPart) => {
    const written = comparable(localPart);
    return written === mailbox || (subaddress !== undefined && written.startsWith(subaddress));
  };
}
