/** Users: names that nobody else has, senders that they may use, and the verifier of their password. */
import { reasons } from '../../crds/conditions.ts';
import { type MailUserSpec, passwordSecret } from '../../crds/mail-user.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { parseQuantity } from '../../crds/units.ts';
import type { User } from '../../mta/config.ts';
import { contest, userClaim } from './conflicts.ts';
import type { Domains } from './domains.ts';
import { addressPattern, domainName, domainOfAddress } from './names.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';
import type { Secrets } from './secrets.ts';
import type { Environment, ObjectRef } from './types.ts';

export interface UserContext {
  readonly mta: Resource<MtaSpec>;
  readonly domains: Domains;
  readonly held: ReadonlyMap<string, string>;
  readonly secrets: Secrets;
  readonly environment: Environment;
  readonly report: Report;
}

export interface Users {
  readonly accepted: readonly Resource<MailUserSpec>[];
  /** Sorted by user name. A user whose password is missing, or its verifier still being made, is accepted and not among them. */
  readonly config: readonly User[];
  /** Usernames that a resource names, without regard to case: as the users themselves write them; sorted. */
  named(usernames: readonly string[], by: NamedBy): string[];
}

export interface NamedBy {
  readonly ref: ObjectRef;
  /** Where it names them. */
  readonly path: string;
  /** The namespaces whose users it may name; any where absent. */
  readonly namespaces?: readonly string[];
}

export function buildUsers(candidates: readonly Resource<MailUserSpec>[], context: UserContext): Users {
  const { held, report } = context;
  const valid = candidates.filter((user) => {
    checkSenders(user, context);
    return !report.isRefused(user.ref);
  });
  const accepted = contest(
    valid,
    ({ spec }) => [{ key: userClaim(spec.username), path: 'spec.username' }],
    held,
    report,
  );
  return {
    accepted,
    config: accepted
      .flatMap((user) => build(user, context) ?? [])
      .sort((one, other) => (one.username < other.username ? -1 : 1)),
    named: (usernames, by) => named(accepted, usernames, by, report),
  };
}

function named(
  accepted: readonly Resource<MailUserSpec>[],
  usernames: readonly string[],
  { ref, path, namespaces }: NamedBy,
  report: Report,
): string[] {
  const found = usernames.map((name, index) => {
    const user = accepted.find(
      (each) =>
        userClaim(each.spec.username) === userClaim(name) &&
        (namespaces === undefined || namespaces.includes(each.ref.namespace)),
    );
    if (user !== undefined) return user.spec.username;
    const where = namespaces === undefined ? '' : ` in namespace ${namespaces.join(' or ')}`;
    const at = `${path}[${index}]`;
    report.unresolved(
      ref,
      reasons.UserNotFound,
      `${at}: there is no accepted MailUser with the username ${name}${where}: until there is, this entry matches nothing`,
      at,
    );
    return namespaces === undefined ? name : undefined;
  });
  return [...new Set(found.filter((name) => name !== undefined))].sort();
}

function checkSenders({ ref, spec }: Resource<MailUserSpec>, { mta, domains, report }: UserContext): void {
  const own = ref.namespace === mta.ref.namespace ? undefined : domains.ownedBy(ref.namespace);
  const refuseForeign = (path: string, text: string) =>
    report.refuse(
      ref,
      reasons.DomainNotAllowed,
      `${path}: ${text} is not in an accepted domain of namespace ${ref.namespace}: a user there is for its own domains`,
      path,
    );
  spec.senders.forEach((sender, index) => {
    const path = `spec.senders[${index}]`;
    const address = addressPattern(sender);
    if (address === undefined)
      report.refuse(ref, reasons.Invalid, `${path}: ${sender} is not an address`, path);
    else if (own !== undefined && !own.includes(domainOfAddress(address))) refuseForeign(path, sender);
  });
  if (own === undefined) return;
  const domain = domainName(domainOfAddress(spec.username));
  if (!spec.username.includes('@') || domain === undefined || !own.includes(domain)) {
    refuseForeign('spec.username', spec.username);
  }
}

function build(
  { ref, id, spec }: Resource<MailUserSpec>,
  { secrets, environment }: UserContext,
): User | undefined {
  // A rule of the schema holds that it is there, as long as the other way to authenticate isn't supported.
  const { name, key } = passwordSecret(ref.name, spec.password!);
  const password = secrets.findPassword({
    resource: ref,
    name,
    key,
    path: 'spec.password',
    what: 'the password of the user',
  });
  if (password === undefined) return undefined;
  const verifier = environment.verifierFor({
    ...{ resource: id, username: spec.username, password },
    version: secrets.versionOf(ref.namespace, name),
  });
  if (verifier === undefined) return undefined;
  const { messageSize, recipients } = spec.limits;
  return {
    resource: id,
    username: spec.username,
    verifier: secrets.use(`${id}/verifier`, verifier),
    senders: spec.senders.map((sender) => addressPattern(sender)!).sort(),
    limits: {
      ...(messageSize !== undefined && { messageSize: parseQuantity(messageSize) }),
      ...(recipients !== undefined && { recipients }),
    },
  };
}
