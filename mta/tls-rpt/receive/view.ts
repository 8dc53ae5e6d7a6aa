/** What reports say of the domains of a config that asks for them: what the control port gives. Rejects as the volume does. */
import type { MtaConfig } from '../../config.ts';
import { compileAsked } from './asked.ts';
import type { ReportStore } from './store.ts';
import { type DomainSummary, summarize } from './summary.ts';

export interface TlsReports {
  /** Days that the middle of a report's range is within, today among them (UTC). */
  readonly days: number;
  /** Those that there are reports of, by name. */
  readonly domains: readonly (DomainSummary & {
    /** `MailDomain/mail/example.test`. */
    readonly resource: string;
  })[];
}

export async function tlsReportsOf(
  store: Pick<ReportStore, 'entries'>,
  config: Pick<MtaConfig, 'domains'>,
  days: number,
): Promise<TlsReports> {
  const asked = compileAsked(config);
  const summaries = summarize(await store.entries(days), (name) => asked.get(name)?.domain);
  return {
    days,
    domains: summaries.map((summary) => ({ resource: asked.get(summary.domain)!.resource, ...summary })),
  };
}
