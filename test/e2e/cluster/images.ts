/**
 * Images, built by buildah from files of this machine, and saved as archives: no registry can be reached. It needs no daemon,
 * and keeps what it makes in a folder of its own.
 */
import { join } from 'node:path';
import { program } from '../../support/debian.ts';
import { runOk } from '../../support/processes.ts';

export interface Build {
  /** Folder that files are copied from. */
  readonly context: string;
  /** Containerfile. */
  readonly file: string;
  readonly image: string;
  readonly arguments?: Readonly<Record<string, string>>;
}

export class ImageStore {
  readonly #store: readonly string[];

  constructor(folder: string) {
    const [root, runroot] = [join(folder, 'images'), join(folder, 'run')];
    this.#store = ['--storage-driver', 'vfs', '--root', root, '--runroot', runroot];
  }

  async build({ context, file, image, arguments: given = {} }: Build): Promise<void> {
    const args = Object.entries(given).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    const command = ['build', '--isolation', 'chroot', '--pull=false', '--file', file, '--tag', image];
    await this.#buildah(...command, ...args, context);
  }

  /** As `ctr images import` takes it. */
  async save(image: string, archive: string): Promise<void> {
    await this.#buildah('push', '--quiet', image, `docker-archive:${archive}:${image}`);
  }

  async #buildah(...args: readonly string[]): Promise<void> {
    await runOk(program('buildah'), [...this.#store, ...args], { timeoutMs: 600_000 });
  }
}
