/** Helm and kubectl, as people run them, on the API server of a test. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../operator/kube/resource.ts';
import { OLDEST } from '../../../scripts/gen-deploy.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { type Finished, run, runOk } from '../../support/processes.ts';
import { binary } from './binaries.ts';

export const ROOT = join(import.meta.dirname, '../../..');
export const CHART = join(ROOT, 'charts/postrider');

export interface Manifest extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
}

/** `--set` for each. */
export const sets = (values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);

/** The oldest that the chart takes. */
export const FOR = ['--kube-version', OLDEST];

/** Nothing of this machine's own Helm is used. */
const home = temporaryFolder('helm');
const env = {
  ...process.env,
  ...{ HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home },
};

/** To its end, whichever that is. */
export const helm = (...args: readonly string[]): Promise<Finished> =>
  run(binary('helm'), args, { env, timeoutMs: 120_000 });

export const helmOk = (...args: readonly string[]): Promise<string> =>
  runOk(binary('helm'), args, { env, timeoutMs: 120_000 });

export const kubectlOk = (args: readonly string[], input?: string): Promise<string> =>
  runOk(binary('kubectl'), args, { timeoutMs: 120_000, ...(input !== undefined && { input }) });

export const manifestsIn = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? []);

/** What the chart makes of these values. */
export const rendered = async (...values: readonly string[]): Promise<Manifest[]> =>
  manifestsIn(
    await helmOk('template', 'postrider', CHART, ...FOR, '-n', 'postrider-system', ...sets(values)),
  );
