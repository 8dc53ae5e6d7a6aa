/** Where the mail of a domain goes: the part of its config that comes of `spec.target`. */
import { reasons } from '../../crds/conditions.ts';
import type { MailDomainSpec } from '../../crds/mail-domain.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { parseDuration } from '../../crds/units.ts';
import { type Domain, HTTPS, type TlsPolicy, type WebhookTarget } from '../../mta/config.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import { type Secrets, secretId } from './secrets.ts';
import type { TlsPolicies } from './tls-policies.ts';

interface TargetContext {
  readonly mta: Resource<MtaSpec>;
  readonly policies: TlsPolicies;
  readonly secrets: Secrets;
  readonly report: Report;
}

type Target = Domain['target'];
const MEMBERS = { LMTP: 'lmtp', SMTP: 'smtp', Hold: 'hold' } as const;

type Hold = NonNullable<MailDomainSpec['target']['hold']>;
type Webhook = NonNullable<MailDomainSpec['target']['webhook']>;

/** Undefined after the reason was reported. A rule of the schema holds that the member of the type is there. */
export function buildTarget(
  domain: Resource<MailDomainSpec>,
  names: readonly string[],
  context: TargetContext,
): Target | undefined {
  const { target } = domain.spec;
  if (target.type === 'Webhook') return buildWebhook(domain, target.webhook!, names, context);
  const member = MEMBERS[target.type];
  const { hosts, tlsPolicyRef } = target[member]!;
  const tls = context.policies.named({
    resource: domain.ref,
    ref: tlsPolicyRef,
    path: `spec.target.${member}.tlsPolicyRef`,
    recipientDomains: names,
  });
  const common = { hosts, ...(tls !== undefined && { tls }) };
  return member === 'hold'
    ? { ...common, ...buildHold(target.hold!, context.mta) }
    : { ...common, type: member };
}

function buildHold({ maxAge, etrnFrom, users }: Hold, mta: Resource<MtaSpec>) {
  return {
    type: 'hold' as const,
    maxAgeSeconds: parseDuration(maxAge ?? mta.spec.delivery.lifetime),
    etrnFrom: etrnFrom.toSorted(),
    users: users.toSorted(),
  };
}

function buildWebhook(
  { ref, id }: Resource<MailDomainSpec>,
  { url: written, signingSecretRef, tlsPolicyRef }: Webhook,
  names: readonly string[],
  { policies, secrets, report }: TargetContext,
): WebhookTarget | undefined {
  const path = 'spec.target.webhook';
  if (!URL.canParse(written)) {
    const message = `${path}.url: ${written} is not a URL: write one such as https://hooks.example.org/mail`;
    report.refuse(ref, reasons.Invalid, message, `${path}.url`);
    return undefined;
  }
  const url = new URL(written);
  const tls = policies.named({
    ...{ resource: ref, ref: tlsPolicyRef, recipientDomains: names, mode: 'Verified' },
    path: tlsPolicyRef === undefined ? `${path}.url` : `${path}.tlsPolicyRef`,
    otherwise: url.protocol === 'https:' ? HTTPS : HTTP,
  });
  const { name, key } = signingSecretRef;
  const what = 'whsec_ and 24 to 64 random bytes in base64';
  const keys = secrets.findSigningKeys({
    ...{ resource: ref, name, key, path: `${path}.signingSecretRef`, what },
  });
  const signingKeys = secretId(ref.namespace, name, key);
  if (keys !== undefined) secrets.use(signingKeys, keys);
  return {
    type: 'webhook',
    url: url.href,
    signingKeys,
    ...(tls !== undefined && { tls }),
    ...(keys === undefined && { unavailable: `${id} has no key to sign with: see its status` }),
  };
}

/** What offers no TLS: an opportunistic floor, which lets clear text be, lets it be too, whatever version it asks for. */
const HTTP: TlsPolicy = {
  ...HTTPS,
  name: 'http',
  mode: 'opportunistic',
  fallbackToClear: true,
  minVersion: 'TLSv1.3',
};
