/**
 * What compile needs besides manifests: from the state folder where an mta is to run, from nowhere for the offline
 * checks. Opening the state throws `PostriderError` StateInvalid.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../mta/clock.ts';
import { type MtaConfig, mtaConfigSchema } from '../../mta/config.ts';
import type { Random } from '../../mta/random.ts';
import type { Environment } from '../../operator/compile/types.ts';
import { verifiers } from '../../operator/compile/verifier.ts';
import { selfSigned } from './certificate.ts';
import { LOOPBACK, type Ports } from './ports.ts';
import type { Surroundings } from './project.ts';
import { localCertificate, makeSecret, paths, type StatePaths, secretFile } from './state.ts';

type Parts = Pick<Environment, 'verifierFor'> & {
  readonly token: string;
  certificateFor(hostname: string): { certificate: string; key: string };
};

function environment(files: StatePaths, ports: Ports, hostname: string, parts: Parts): Environment {
  return {
    queuePath: files.queue,
    historyPath: files.history,
    health: { address: LOOPBACK, port: ports.health },
    control: { address: LOOPBACK, port: ports.control, token: parts.token },
    listenAddress: LOOPBACK,
    listenerPorts: ports.listeners,
    ...(ports.web !== undefined && { webPort: ports.web }),
    fallbackCertificate: parts.certificateFor(hostname),
    verifierFor: parts.verifierFor,
  };
}

/** Makes what is missing in the state folder, and reads the config that it last held. */
export function fromState(
  files: StatePaths,
  ports: Ports,
  clock: Clock,
  random: Random,
): ((last: MtaConfig | undefined) => Surroundings) & { readonly token: string } {
  const token = secretFile(files.token, 'control token', () => makeSecret(random));
  const verifierFor = verifiers(secretFile(files.salt, 'salt of passwords', () => makeSecret(random)));
  const certificateFor = (hostname: string) => localCertificate(files, hostname, clock, random);
  const surroundings = (last: MtaConfig | undefined): Surroundings => ({
    environment: (_, hostname) => environment(files, ports, hostname, { token, verifierFor, certificateFor }),
    passwordOf: ({ file, username }) =>
      secretFile(join(files.folder, file), `password of ${username}`, () => makeSecret(random)),
    programmed: last,
    revision: last?.revision ?? 1,
  });
  return Object.assign(surroundings, { token });
}

/** Stand-ins for what a first start makes: for checks, not for running. */
export function offline(folder: string, ports: Ports, clock: Clock, random: Random): Surroundings {
  const certificateFor = (hostname: string) => selfSigned(hostname, clock.now(), random);
  return {
    environment: (_, hostname) =>
      environment(paths(folder), ports, hostname, {
        token: makeSecret(random),
        verifierFor: verifiers(''),
        certificateFor,
      }),
    passwordOf: () => makeSecret(random),
    programmed: undefined,
    revision: 1,
  };
}

/** The config of the last run; undefined where there is none that this version reads. */
export function lastConfig(files: StatePaths): MtaConfig | undefined {
  try {
    return mtaConfigSchema.safeParse(JSON.parse(readFileSync(files.config, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
