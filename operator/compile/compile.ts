/**
 * From resources to the config of one fleet. Pure: the same input gives the same bytes. What is wrong with a resource
 * is said of that resource, which is left out while everything else runs on; a relay or policy whose Secret is missing
 * stays, and lets its mail wait. Only an MTA that can't run leaves no config.
 *
 * The order matters. What is referred to is decided before what refers to it: policies, then domains, then the users that
 * may send from them, then the relays that may name all three.
 */
import { reasons } from '../../crds/conditions.ts';
import { mtaConfigSchema } from '../../mta/config.ts';
import { attachment } from './attach.ts';
import { holders } from './conflicts.ts';
import { buildDomains, withPickUpUsers } from './domains.ts';
import { buildFleet } from './fleet.ts';
import { KeyRollover } from './key-rollover.ts';
import { policyCertificates } from './mta-sts.ts';
import { read } from './read.ts';
import { buildRelays } from './relays.ts';
import { idOf, Report } from './report.ts';
import { Secrets } from './secrets.ts';
import { decideTlsPolicies } from './tls-policies.ts';
import type { CompileInput, CompileResult } from './types.ts';
import { buildUsers } from './users.ts';

export function compile(input: CompileInput): CompileResult {
  const report = new Report();
  const resources = read(input.manifests, report);
  const wanted = { kind: 'MTA', ...input.mta };
  const mta = resources.of('MTA').find(({ id }) => id === idOf(wanted));
  if (mta === undefined) {
    if (!resources.exists(wanted)) {
      report.refuse(wanted, reasons.MTANotFound, `There is no MTA ${wanted.namespace}/${wanted.name}`);
    }
    return { config: undefined, diagnostics: report.diagnostics(), certificates: [] };
  }

  const { environment } = input;
  const held = holders(input.programmed);
  const secrets = new Secrets(input.secrets, report);
  const attached = attachment(mta, resources, input.namespaces, report);

  const policies = decideTlsPolicies(mta, attached.of(resources.of('MailTLSPolicy')), held, secrets, report);
  const context = { mta, attached, policies, held, secrets, environment, report };
  const domains = buildDomains(attached.of(resources.claiming('MailDomain')), context);
  const users = buildUsers(attached.of(resources.of('MailUser')), { ...context, domains });
  const domainsConfig = withPickUpUsers(domains, users, mta.ref.namespace);
  const relays = buildRelays(attached.of(resources.of('MailRelay')), { ...context, domains, users });
  const rollover = new KeyRollover(input.listed, input.programmed);
  const fleet = buildFleet(mta, input, { policies, secrets, rollover, report });

  const parts = [mta, ...domains.accepted, ...policies.accepted, ...users.accepted, ...relays.accepted];
  for (const { ref } of parts) report.settle(ref, `Accepted by ${mta.id}`);
  const diagnostics = report.diagnostics();
  const certificates = policyCertificates(mta, domains.accepted, domainsConfig);
  if (fleet === undefined) return { config: undefined, diagnostics, certificates };

  // A user without its password, or verifier, is accepted, and can't be in the config yet.
  const ready = new Set(users.config.map(({ resource }) => resource));
  const config = mtaConfigSchema.parse({
    ...fleet,
    resources: Object.fromEntries(
      parts
        .filter(({ ref, id }) => ref.kind !== 'MailUser' || ready.has(id))
        .map(({ id, generation }) => [id, generation] as const)
        .sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
    domains: domainsConfig,
    relays: relays.config,
    tlsPolicies: policies.all(),
    users: users.config,
    secrets: secrets.used(),
  });
  const tlsa = rollover.result();
  return { config, diagnostics, certificates, ...(tlsa && { tlsa }) };
}
