/**
 * A folder of manifests, compiled: the config that an mta would run, and what is wrong, each with its place. Throws
 * `PostriderError` where there is no such folder or no MTA to choose.
 */
import { kinds } from '../../crds/kinds.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { PostriderError } from '../../mta/errors.ts';
import { compile } from '../../operator/compile/compile.ts';
import type { Diagnostic, Environment, Manifest } from '../../operator/compile/types.ts';
import { collect, DEFAULT_NAMESPACE } from '../manifests/collect.ts';
import { readFiles } from '../manifests/folder.ts';
import type { Manifests } from '../manifests/types.ts';
import { type GeneratedPassword, missingPasswords, withPasswords } from './passwords.ts';
import { DEFAULT_PORTS, type Ports } from './ports.ts';

export interface Fleet {
  readonly namespace: string;
  readonly name: string;
}

export interface Project {
  readonly manifests: Manifests;
  /** Undefined where problems left no MTA to be seen. */
  readonly fleet: Fleet | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined where there is nothing that could run. */
  readonly config: MtaConfig | undefined;
  readonly generated: readonly GeneratedPassword[];
}

/** What the state folder, or a placeholder for it, brings in. */
export interface Surroundings {
  environment(fleet: Fleet, hostname: string): Environment;
  passwordOf(password: GeneratedPassword): string;
  /** What runs, or ran last: who holds a name there keeps it. */
  readonly programmed: MtaConfig | undefined;
  readonly revision: number;
}

/** @param wanted `name` or `namespace/name` of the MTA, where the folder has several. */
export function loadProject(
  folder: string,
  options: { readonly mta?: string; readonly ports: Ports },
  surroundings: Surroundings,
): Project {
  const read = readFiles(folder);
  const collected = collect(
    read.files,
    kinds.map(({ kind }) => kind),
  );
  const manifests = { ...collected, problems: [...read.problems, ...collected.problems] };
  const mta = chooseMta(manifests, folder, options.mta);
  if (mta === undefined)
    return { manifests, fleet: undefined, diagnostics: [], config: undefined, generated: [] };

  const fleet = { namespace: mta.metadata.namespace ?? DEFAULT_NAMESPACE, name: mta.metadata.name };
  checkListeners(mta, options.ports);
  const generated = missingPasswords(manifests.manifests, manifests.secrets, fleet.namespace);
  const { config, diagnostics } = compile({
    mta: fleet,
    manifests: manifests.manifests,
    secrets: withPasswords(manifests.secrets, generated, surroundings.passwordOf),
    namespaces: manifests.namespaces,
    programmed: surroundings.programmed,
    revision: surroundings.revision,
    environment: surroundings.environment(fleet, hostnameOf(mta)),
  });
  return {
    manifests,
    fleet,
    diagnostics,
    config: config && withInbox(config, options.ports.inbox),
    generated,
  };
}

function chooseMta(manifests: Manifests, folder: string, wanted: string | undefined): Manifest | undefined {
  const all = manifests.manifests.filter(({ kind }) => kind === 'MTA');
  const nameOf = ({ metadata }: Manifest) => `${metadata.namespace}/${metadata.name}`;
  const found = all.filter(
    (mta) => wanted === undefined || nameOf(mta) === wanted || mta.metadata.name === wanted,
  );
  if (found.length === 1) return found[0];
  // It may stand in a file that couldn't be read: that is the news then.
  if (manifests.problems.length > 0) return undefined;
  const names = all.map(nameOf).join(', ');
  if (all.length === 0) {
    throw new PostriderError('ManifestInvalid', `There is no MTA in ${folder}`, {
      hint: 'Give a folder with a manifest of kind MTA, such as examples/quickstart',
    });
  }
  throw new PostriderError(
    'UsageError',
    wanted === undefined
      ? `${folder} has several MTAs: ${names}`
      : `${folder} has no one MTA ${wanted}: ${names}`,
    { hint: 'Say which with --mta NAMESPACE/NAME' },
  );
}

function listenersOf(mta: Manifest): { name: string; port: number }[] {
  const spec = mta.spec as { listeners?: unknown } | null | undefined;
  return Array.isArray(spec?.listeners) ? (spec.listeners as { name: string; port: number }[]) : [];
}

function checkListeners(mta: Manifest, ports: Ports): void {
  const names = listenersOf(mta).map((listener) => listener?.name);
  for (const name of Object.keys(ports.listeners)) {
    if (names.includes(name)) continue;
    throw new PostriderError('UsageError', `--port ${name}: the MTA has no listener ${name}`, {
      hint: `It has ${names.join(', ') || 'none'}; besides there are control, health and inbox`,
    });
  }
}

/** For the certificate that stands in where a listener names none. */
function hostnameOf(mta: Manifest): string {
  const { hostname } = (mta.spec ?? {}) as { hostname?: unknown };
  return typeof hostname === 'string' && /^[\x21-\x7e]{1,253}$/.test(hostname)
    ? hostname.toLowerCase()
    : 'localhost';
}

/** The inbox is where the manifests say it is, port 2524 on loopback, wherever it really listens. */
function withInbox(config: MtaConfig, port: number): MtaConfig {
  const moved = <Host extends { host: string; port: number }>(host: Host): Host =>
    host.port === DEFAULT_PORTS.inbox && (host.host === '127.0.0.1' || host.host === 'localhost')
      ? { ...host, port }
      : host;
  return {
    ...config,
    domains: config.domains.map((domain) =>
      domain.target.type === 'lmtp'
        ? { ...domain, target: { ...domain.target, hosts: domain.target.hosts.map(moved) } }
        : domain,
    ),
  };
}
