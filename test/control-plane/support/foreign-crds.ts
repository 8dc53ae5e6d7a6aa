/** CRDs of others on an API server of a test: scripts/foreign-crds.sh fetches them, once for all checkouts. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { describeUnless } from '../../support/debian.ts';
import { describeWithControlPlane } from './binaries.ts';
import { CRDS, established } from './crds.ts';

const SCRIPT = join(import.meta.dirname, '../../../scripts/foreign-crds.sh');

const folder = (): string => execFileSync('sh', [SCRIPT, '--folder'], { encoding: 'utf8' }).trim();

/** A `describe` that has a control plane, and these CRDs at hand. */
export function describeWithForeignCrds(name: string, tests: () => void): void {
  if (existsSync(folder())) describeWithControlPlane(name, tests);
  else {
    const missing = ['the CRDs of others'];
    describeUnless(missing, 'scripts/foreign-crds.sh fetches them', name, tests);
  }
}

/** All of them, served. */
export async function installForeignCrds(client: KubeClient): Promise<void> {
  for (const file of readdirSync(folder())) {
    const definition = parse(readFileSync(join(folder(), file), 'utf8')) as KubeObject;
    await client.apply(CRDS, definition);
    await established(client, definition.metadata.name);
  }
}
