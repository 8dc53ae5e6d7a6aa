/** The operator as it is shipped: a process of its own. */
import { join } from 'node:path';
import { temporaryFolder } from '../../support/folders.ts';
import { freePort } from '../../support/ports.ts';
import { type Running, start } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';

export const OPERATOR_MAIN = join(import.meta.dirname, '../../../operator/main.ts');

export interface OperatorProcess {
  readonly running: Running;
  /** Of its health and metrics. */
  readonly port: number;
  leads(): boolean;
  /** Resolves when it has seen everything. Rejects with what it has written where it ends instead. */
  ready(): Promise<void>;
}

/** @param nodeFlags what Node is started with */
export async function startOperator(
  kubeconfig: string,
  nodeFlags: readonly string[] = [],
): Promise<OperatorProcess> {
  const port = await freePort();
  const flags = ['--image', 'mta', '--kubeconfig', kubeconfig, '--own-namespace', 'postrider'];
  const running = start(
    process.execPath,
    [...nodeFlags, OPERATOR_MAIN, ...flags, '--health-port', `${port}`],
    join(temporaryFolder('operator'), 'log'),
  );
  return {
    ...{ running, port },
    leads: () => running.output().includes('"msg":"leading"'),
    async ready() {
      await waitFor(
        'the operator to be ready',
        async () => {
          if (running.ended() !== undefined) throw new Error(running.output());
          return (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200;
        },
        { timeoutMs: 120_000 },
      );
    },
  };
}
