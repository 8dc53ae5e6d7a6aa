/** Programs of Kubernetes: scripts/kubernetes-binaries.sh builds them, once for all checkouts. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { describeUnless } from '../../support/debian.ts';

const SCRIPT = join(import.meta.dirname, '../../../scripts/kubernetes-binaries.sh');
export const REMEDY = 'scripts/kubernetes-binaries.sh builds them; or set KUBEBUILDER_ASSETS';

const folder = (): string => execFileSync('sh', [SCRIPT, '--folder'], { encoding: 'utf8' }).trim();

/** Full path of a program that is there. */
export const binary = (name: string): string => join(folder(), name);

/** What a control plane takes. */
export const CONTROL_PLANE = ['etcd', 'kube-apiserver'] as const;

/** Those of them that have not been built. */
export const missingBinaries = (names: readonly string[]): string[] =>
  names.filter((each) => {
    try {
      accessSync(binary(each), constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });

/**
 * A `describe` that has a control plane, and other programs. Skipped with a line where one of them is missing; with CI=true that fails.
 */
export function describeWithControlPlane(
  name: string,
  tests: () => void,
  others: readonly string[] = [],
): void {
  describeUnless(missingBinaries([...CONTROL_PLANE, ...others]), REMEDY, name, tests);
}
