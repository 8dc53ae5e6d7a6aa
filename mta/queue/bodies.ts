/** The body files of a lane. One that can't be removed is collected by the next owner. */
import { join } from 'node:path';
import type { BodyToRead } from './body-reader.ts';
import { BodyWriter } from './body-writer.ts';
import type { Disk } from './disk.ts';
import { FolderSync } from './folder-sync.ts';
import type { BodyFile } from './format/message.ts';
import { BODIES, bodyName } from './layout.ts';

export class Bodies {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #epoch: number;
  readonly #names: FolderSync;
  /** Of messages that were refused after their record may have been written. */
  #doubtful: string[] = [];

  /** @param folder the lane's */
  constructor(disk: Disk, folder: string, epoch: number) {
    this.#disk = disk;
    this.#folder = join(folder, BODIES);
    this.#epoch = epoch;
    this.#names = new FolderSync(() => disk.syncDirectory(this.#folder));
  }

  open(sequence: number): { readonly name: string; readonly writer: BodyWriter } {
    const name = bodyName(sequence, this.#epoch);
    return { name, writer: new BodyWriter(this.#disk, this.#folder, name, this.#names) };
  }

  /** How it is read back. @param size bytes, as its record says */
  locate({ name, crc }: BodyFile, size: number): BodyToRead {
    return { path: join(this.#folder, name), size, crc };
  }

  /** The record that ends its message is durable, and the lease renewed. */
  remove(name: string): void {
    this.#disk.unlink(join(this.#folder, name)).catch(() => undefined);
  }

  /** Its record failed, but may be readable all the same until another group has been committed. */
  doubt(name: string): void {
    this.#doubtful.push(name);
  }

  /** A group has been committed after the one that failed: its segment's seal says that the refused don't count. */
  collectDoubtful(): void {
    if (this.#doubtful.length === 0) return;
    for (const name of this.#doubtful.splice(0)) this.remove(name);
  }
}
