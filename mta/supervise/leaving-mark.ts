/**
 * Word beside the queue, on its volume, that this pod is being emptied for good. A process that is started again goes on with that, and
 * takes nothing: between the proof that nothing is left and the end of the volume there may be another life of the pod.
 */
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import { type Disk, errorCode, messageOf, unlinkIfThere } from '../queue/disk.ts';

const AGAIN_MS = 2000;

export class LeavingMark {
  readonly #disk: Disk;
  readonly #path: string;

  /** @param pod name of the pod: several may share the volume */
  constructor(disk: Disk, queuePath: string, pod: string) {
    this.#disk = disk;
    this.#path = `${queuePath}.leaving.${pod}`;
  }

  /** Whether it is there; a volume that can't say so is waited for. */
  async found(clock: Clock, logger: Logger): Promise<boolean> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await this.#isThere();
      } catch (error) {
        if (isFirst) logger.warn({ err: error }, 'waiting for the volume');
        await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
      }
    }
  }

  async #isThere(): Promise<boolean> {
    try {
      await (await this.#disk.open(this.#path)).close();
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Resolves when it is on stable storage; rejects with `QueueUnreachable` where the volume doesn't take it. */
  async put(): Promise<void> {
    try {
      const file = await this.#disk.create(this.#path);
      await file.sync();
      await file.close();
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw unreachable(error);
    }
    await this.#sync();
  }

  /** Resolves when it is gone from stable storage; rejects with `QueueUnreachable` where that can't be had. */
  async remove(): Promise<void> {
    await unlinkIfThere(this.#disk, this.#path).catch((error: unknown) => {
      throw unreachable(error);
    });
    await this.#sync();
  }

  async #sync(): Promise<void> {
    await this.#disk.syncDirectory(dirname(this.#path)).catch((error: unknown) => {
      throw unreachable(error);
    });
  }
}

const unreachable = (error: unknown): PostriderError =>
  new PostriderError('QueueUnreachable', `The volume takes no note of the drain: ${messageOf(error)}`, {
    hint: 'See to the storage, and ask again.',
    cause: error,
  });
