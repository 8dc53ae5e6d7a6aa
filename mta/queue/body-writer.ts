/**
 * Writes a body file: the content of a large message, as it arrives, in bounded memory. A body is synced, and so is its
 * folder, before the record that names it. A write that fails makes `finish` fail; nothing is tried twice.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { smtpError } from '../errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { isFull } from './disk.ts';
import type { FolderSync } from './folder-sync.ts';

/** Bytes that may wait for the disk before the writer is asked to wait. */
const HIGH_WATER = 1 << 20;

export class BodyWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #names: FolderSync;
  readonly #mark: number;
  #file: DiskFile | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #written = 0;
  #crc = 0;
  #pump: Promise<void> | undefined;
  #error: unknown;

  /** @param names of the body's folder */
  constructor(disk: Disk, folder: string, name: string, names: FolderSync) {
    this.#disk = disk;
    this.#path = join(folder, name);
    this.#names = names;
    this.#mark = names.mark;
  }

  /** CRC-32 of what was taken: summed before the disk has it, as memory and disk may both change it. */
  get crc(): number {
    return this.#crc;
  }

  /** Takes the next bytes; a promise where the writer has to wait for the disk. */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#check();
    this.#crc = crc32(chunk, this.#crc);
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#pump ??= this.#run();
    if (this.#waitingBytes < HIGH_WATER) return undefined;
    const drained = this.#drained();
    // Whoever aborts meanwhile need not wait for it.
    drained.catch(() => undefined);
    return drained;
  }

  /** Resolves when the body and its name are on stable storage. */
  async finish(): Promise<void> {
    await this.#drained();
    try {
      await this.#file?.sync();
      await this.#close();
      await this.#names.sync(this.#mark);
      // Another process of this machine may have been told that it is gone.
      if (this.#written > 0 && !(await this.#disk.exists(this.#path)))
        throw new Error(`${this.#path} is gone`);
    } catch (error) {
      this.#error = error;
    }
    this.#check();
  }

  /** Removes the file; where that fails, the lane's owner collects it later. */
  async abort(): Promise<void> {
    this.#error ??= new Error('aborted');
    await this.#pump;
    await this.#close().catch(() => undefined);
    await this.#disk.unlink(this.#path).catch(() => undefined);
  }

  async #drained(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
    this.#check();
  }

  #check(): void {
    if (this.#error === undefined) return;
    throw smtpError(isFull(this.#error) ? 'insufficientStorage' : 'localError', { cause: this.#error });
  }

  async #run(): Promise<void> {
    try {
      this.#file ??= await this.#disk.create(this.#path);
      while (this.#waiting.length > 0 && this.#error === undefined) {
        const chunks = this.#waiting;
        const bytes = this.#waitingBytes;
        this.#waiting = [];
        await this.#file.write(chunks, this.#written);
        this.#written += bytes;
        this.#waitingBytes -= bytes;
      }
    } catch (error) {
      this.#error ??= error;
    } finally {
      this.#pump = undefined;
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
