/** The spec of each kind, as its schema gives it with defaults filled in. */
import type { MailDomainSpec } from '../../crds/mail-domain.ts';
import type { MailRelaySpec } from '../../crds/mail-relay.ts';
import type { MailTlsPolicySpec } from '../../crds/mail-tls-policy.ts';
import type { MailUserSpec } from '../../crds/mail-user.ts';
import type { MtaSpec } from '../../crds/mta.ts';

export interface SpecOf {
  readonly MTA: MtaSpec;
  readonly MailDomain: MailDomainSpec;
  readonly MailRelay: MailRelaySpec;
  readonly MailTLSPolicy: MailTlsPolicySpec;
  readonly MailUser: MailUserSpec;
}

export type KindName = keyof SpecOf;
