/**
 * What `kubectl apply -k deploy/…` applies, made from the chart by Helm. Where there is no Helm, what is there stays: a test with Helm
 * finds what is not up to date.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { CHART } from './gen-chart.ts';

const NAMESPACE = 'postrider-system';
/** The oldest that the chart takes: whatever depends on newer ones has no place here. */
export const OLDEST = '1.31.0';

/** Values that differ from the chart's, by folder. The CRDs are a kustomization of their own. */
const FLAVOURS: Readonly<Record<string, readonly string[]>> = {
  'deploy/cluster-wide': ['crds.install=false'],
  'deploy/namespaced': ['crds.install=false', `watchNamespace=${NAMESPACE}`],
};

/** Path of the helm that scripts/kubernetes-binaries.sh has built; undefined where it has not. */
function findHelm(root: string): string | undefined {
  const script = join(root, 'scripts/kubernetes-binaries.sh');
  const folder = execFileSync('sh', [script, '--folder'], { encoding: 'utf8' }).trim();
  const path = join(folder, 'helm');
  return existsSync(path) ? path : undefined;
}

interface Labelled {
  readonly metadata: { readonly labels?: Record<string, string> };
}

export function deployFiles(root: string): Map<string, string> {
  const helm = findHelm(root);
  const files = new Map<string, string>();
  if (helm === undefined) return files;
  for (const [folder, values] of Object.entries(FLAVOURS)) {
    const sets = values.flatMap((value) => ['--set', value]);
    const chart = join(root, CHART);
    const text = execFileSync(
      helm,
      ['template', 'postrider', chart, '-n', NAMESPACE, '--kube-version', OLDEST, ...sets],
      { encoding: 'utf8' },
    );
    const objects = parseAllDocuments(text).flatMap((document) => withoutHelm(document.toJS()) ?? []);
    const yaml = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
    files.set(
      `${folder}/operator.yaml`,
      `# Generated from ${CHART} by npm run gen. Do not edit.\n${yaml.join('---\n')}`,
    );
  }
  return files;
}

/** No release has made it. */
function withoutHelm(object: Labelled | null): Labelled | undefined {
  if (object === null) return undefined;
  delete object.metadata.labels?.['helm.sh/chart'];
  delete object.metadata.labels?.['app.kubernetes.io/managed-by'];
  return object;
}
