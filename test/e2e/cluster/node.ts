/**
 * A node of a cluster: containerd, kubelet and kube-proxy below a first process in namespaces of their own (node.sh). Killing
 * that process is the loss of the node, with all containers, connections and its view of the shared volume; it can be started
 * again over the same folder, as a machine that is switched on again.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { program } from '../../support/debian.ts';
import { processes, type Running, runOk, start } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { connectNode } from './network.ts';
import { CONTAINERD, type NodeFilesOptions, nodeFiles } from './node-files.ts';
import { CGROUPS, removeNode } from './remains.ts';

const SCRIPT = join(import.meta.dirname, 'node.sh');
const NAMESPACES = ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child'];

export interface NodeOptions extends NodeFilesOptions {
  /** Files. */
  readonly kubeconfigs: { readonly kubelet: string; readonly kubeProxy: string };
}

export class ClusterNode {
  readonly name: string;
  readonly #options: NodeOptions;
  #running: Running | undefined;
  #pid = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.name = options.node.name;
  }

  /** Resolves when its first process runs and is on the network; its programs may take a while yet. */
  async start(): Promise<void> {
    const { places, node, kubeconfigs } = this.#options;
    for (const [name, text] of Object.entries(nodeFiles(this.#options))) {
      mkdirSync(dirname(join(node.folder, name)), { recursive: true });
      writeFileSync(join(node.folder, name), text);
    }
    writeFileSync(join(node.folder, 'kubelet.kubeconfig'), readFileSync(kubeconfigs.kubelet));
    writeFileSync(join(node.folder, 'kube-proxy.kubeconfig'), readFileSync(kubeconfigs.kubeProxy));
    makeCgroups(node.cgroup);
    // It ends with this process, however that ends.
    const dying = ['--pdeathsig', 'KILL', program('unshare'), ...NAMESPACES, '--propagation', 'private'];
    const log = join(places.logs, `${this.name}.log`);
    const running = start(program('setpriv'), [...dying, 'sh', SCRIPT, `${node.folder}/`], log);
    this.#running = running;
    this.#pid = await waitFor(`the first process of ${this.name}`, () => {
      if (running.ended() !== undefined) throw new Error(running.output());
      return processes().find(({ parent }) => parent === running.pid)?.pid;
    });
    await connectNode(places, node, this.#pid);
  }

  /** Runs a program among the node's own; rejects where that fails. */
  exec(...command: readonly string[]): Promise<string> {
    const where = ['--target', `${this.#pid}`, '--mount', '--net', '--pid', '--uts', '--ipc'];
    return runOk(program('nsenter'), [...where, '--', ...command], { timeoutMs: 120_000 });
  }

  ctr(...args: readonly string[]): Promise<string> {
    return this.exec('ctr', '--address', CONTAINERD, '--namespace', 'k8s.io', ...args);
  }

  /** Resolves when containerd answers. */
  async hasContainerd(): Promise<void> {
    await waitFor(`containerd of ${this.name}`, () => this.ctr('version'), {
      timeoutMs: 60_000,
      everyMs: 100,
    });
  }

  /** SIGKILL to everything at once. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#running?.kill9();
    await removeNode(this.#options.node);
  }
}

/** Pods of a node share what one process gets where it isn't given: beside other work they would starve. */
const CPU_SHARES = 8192;

/** The kubelet wants to find its own, in each hierarchy. */
function makeCgroups(name: string): void {
  for (const hierarchy of readdirSync(CGROUPS)) {
    const folder = join(CGROUPS, hierarchy, name);
    mkdirSync(folder, { recursive: true });
    if (hierarchy.split(',').includes('cpuset')) {
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        writeFileSync(join(folder, file), readFileSync(join(CGROUPS, hierarchy, file)));
      }
    }
    const shares = join(folder, 'cpu.shares');
    if (existsSync(shares)) writeFileSync(shares, String(CPU_SHARES));
    const accounting = join(folder, 'memory.use_hierarchy');
    if (existsSync(accounting) && readFileSync(accounting, 'utf8').trim() === '0')
      writeFileSync(accounting, '1');
  }
}
