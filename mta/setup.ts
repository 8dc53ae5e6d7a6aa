/**
 * A config made ready for use: what is compiled from it, once for each load. `checkSetup` does the same for its errors
 * alone, so that a config that no worker could take is refused before any of them is asked.
 */
import { CONFIG_VERSION, type Listener, type MtaConfig, mtaConfigSchema } from './config.ts';
import { PostriderError } from './errors.ts';
import { tlsMaterial } from './listen/tls-material.ts';
import { compileHeld, type HeldDomains } from './pick-up/hold.ts';
import { compilePolicy, type Policy } from './policy/policy.ts';
import type { Verifier } from './policy/verifier.ts';
import { compileRoutes, type Routes } from './route/destination.ts';
import { type AskedDomains, compileAsked } from './tls-rpt/receive/asked.ts';

/** A config and what was compiled from it: replaced as a whole when a new one is loaded. */
export interface Setup {
  readonly config: MtaConfig;
  readonly policy: Policy;
  readonly routes: Routes;
  readonly held: HeldDomains;
  /** Domains of ours whose TLS reports are counted. */
  readonly asked: AskedDomains;
}

/** Throws `PostriderError` ConfigInvalid or ConfigVersionUnsupported; the message names the fields at fault. */
export function parseConfig(document: unknown): MtaConfig {
  const version = (document as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > CONFIG_VERSION) {
    throw new PostriderError(
      'ConfigVersionUnsupported',
      `config has version ${version}, this mta reads ${CONFIG_VERSION}`,
      {
        hint: 'upgrade the mta before the operator, or let the operator write an older version',
      },
    );
  }
  const parsed = mtaConfigSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'document'}: ${message}`,
  );
  throw new PostriderError('ConfigInvalid', `config is not valid: ${issues.join('; ')}`, {
    hint: 'nothing was loaded; the operator and `postrider up` write documents that are',
  });
}

/** @param verifier outlives configs, so that who has just logged in need not be checked again after a reload */
export function createSetup(config: MtaConfig, verifier: Verifier): Setup {
  return {
    config,
    policy: compilePolicy(config, verifier),
    routes: compileRoutes(config),
    held: compileHeld(config),
    asked: compileAsked(config),
  };
}

/** Throws `PostriderError` where the config can't be put to use: a broken certificate, a name that nothing has. */
export function checkSetup(config: MtaConfig, verifier: Verifier): void {
  createSetup(config, verifier);
  const names = new Set(config.tlsPolicies.map(({ name }) => name));
  for (const name of [
    config.delivery.defaultTls,
    ...config.relays.map(({ tls }) => tls),
    ...config.domains.map(({ target }) => target.tls),
  ]) {
    if (name !== undefined && !names.has(name)) {
      throw new PostriderError('ConfigInvalid', `there is no TLS policy ${name} in tlsPolicies`);
    }
  }
  for (const id of secretsOf(config)) {
    if (config.secrets[id] === undefined) throw new PostriderError('ConfigInvalid', `secrets has no ${id}`);
  }
  for (const listener of config.listeners) tlsMaterial(listener, config.secrets);
}

/** Every id that the config names, where the part that names it is in use. */
function secretsOf(config: MtaConfig): string[] {
  const ids = [
    config.control.access === 'token' ? config.control.token : undefined,
    ...config.users.map(({ verifier }) => verifier),
    ...config.listeners.flatMap(({ tls }) => (tls.mode === 'none' ? [] : tlsSecretsOf(tls))),
    ...config.relays.flatMap(({ auth, unavailable }) => (unavailable === undefined ? [auth?.password] : [])),
    ...config.domains.map(({ target }) =>
      target.type === 'webhook' && target.unavailable === undefined ? target.signingKeys : undefined,
    ),
    ...config.domains.flatMap(({ mtaSts }) => (mtaSts === undefined ? [] : [mtaSts.certificate, mtaSts.key])),
    ...config.tlsPolicies.flatMap(({ ca, unavailable }) => (unavailable === undefined ? [ca] : [])),
  ];
  return ids.filter((id) => id !== undefined);
}

function tlsSecretsOf({ certificate, key, moreCertificates = [], clientAuth }: Listener['tls']) {
  return [
    certificate,
    key,
    ...moreCertificates.flatMap((more) => [more.certificate, more.key]),
    clientAuth?.ca,
  ];
}
