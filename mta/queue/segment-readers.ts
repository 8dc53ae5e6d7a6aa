/** Open files of segments for reading records back. A file is closed only when nobody reads from it any more. */
import { join } from 'node:path';
import { PostriderError } from '../errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { segmentName } from './layout.ts';
import type { RecordLocation } from './message-index.ts';

interface Reader {
  readonly file: Promise<DiskFile>;
  readonly reads: Set<Promise<unknown>>;
}

export class SegmentReaders {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #readers = new Map<number, Reader>();
  #closed = false;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /**
   * The bytes of a record; fewer where the segment is shorter. What fails is tried once more with the file opened anew:
   * over a network, a descriptor may be bad for good after its server was away.
   */
  async read(where: RecordLocation): Promise<Buffer> {
    const used = this.#readers.get(where.segment);
    try {
      return await this.#read(where);
    } catch (error) {
      if (used === undefined) throw error;
      if (this.#readers.get(where.segment) === used) void this.close(where.segment).catch(() => undefined);
      return this.#read(where);
    }
  }

  async #read(where: RecordLocation): Promise<Buffer> {
    const reader = this.#open(where.segment);
    const reading = reader.file.then(async (file) => {
      const bytes = Buffer.allocUnsafeSlow(where.length);
      return bytes.subarray(0, await file.read(bytes, where.offset));
    });
    reader.reads.add(reading);
    try {
      return await reading;
    } finally {
      reader.reads.delete(reading);
    }
  }

  async close(segment: number): Promise<void> {
    const reader = this.#readers.get(segment);
    this.#readers.delete(segment);
    if (!reader) return;
    await Promise.allSettled(reader.reads);
    await (await reader.file).close();
  }

  /** From now on every read fails, so that no file is opened that nobody would close. */
  async closeAll(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#readers.keys()].map((segment) => this.close(segment)));
  }

  #open(segment: number): Reader {
    const known = this.#readers.get(segment);
    if (known) return known;
    if (this.#closed) throw new PostriderError('LaneLost', 'the lane is closed');
    const reader = {
      file: this.#disk.open(join(this.#folder, segmentName(segment))),
      reads: new Set<Promise<unknown>>(),
    };
    this.#readers.set(segment, reader);
    reader.file.catch(() => {
      if (this.#readers.get(segment) === reader) this.#readers.delete(segment);
    });
    return reader;
  }
}
