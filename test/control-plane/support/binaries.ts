/** Tests that need etcd and kube-apiserver: scripts/kubernetes-binaries.sh builds them, once for all checkouts. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { describeUnless } from '../../support/debian.ts';

const SCRIPT = join(import.meta.dirname, '../../../scripts/kubernetes-binaries.sh');
const NAMES = ['etcd', 'kube-apiserver'] as const;

const folder = (): string => execFileSync('sh', [SCRIPT, '--folder'], { encoding: 'utf8' }).trim();

export const binary = (name: (typeof NAMES)[number]): string => join(folder(), name);

/** Of the two, those that are not there. */
export const missingBinaries = (): string[] =>
  NAMES.filter((each) => {
    try {
      accessSync(binary(each), constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });

export const REMEDY = 'scripts/kubernetes-binaries.sh builds them; or set KUBEBUILDER_ASSETS';

/** A `describe` that has a control plane. Skipped with a line where its programs are missing; with CI=true that fails. */
export function describeWithControlPlane(name: string, tests: () => void): void {
  describeUnless(missingBinaries(), REMEDY, name, tests);
}
