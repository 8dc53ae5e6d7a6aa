/**
 * Whether there is room for new mail: free bytes of the volume against a watermark, looked up at most once a second and
 * never waited for. A volume that can't be asked counts as having room: the write itself will say.
 */
import type { Clock } from '../clock.ts';
import type { Disk } from './disk.ts';

const FRESH_MS = 1000;

export class Space {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #minFree: number;
  #full = false;
  #checkedAt = -Infinity;
  #checking: Promise<void> | undefined;

  constructor(disk: Disk, clock: Clock, path: string, minFree: number) {
    this.#disk = disk;
    this.#clock = clock;
    this.#path = path;
    this.#minFree = minFree;
  }

  /** The last answer; asks again in the background where it is old. */
  get full(): boolean {
    if (this.#clock.monotonic() - this.#checkedAt >= FRESH_MS) void this.check();
    return this.#full;
  }

  /** A write failed for want of space: no new mail until the volume has been asked again. */
  exhausted(): void {
    this.#full = true;
    this.#checkedAt = this.#clock.monotonic();
  }

  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    this.#checkedAt = this.#clock.monotonic();
    try {
      this.#full = (await this.#disk.freeBytes(this.#path)) < this.#minFree;
    } catch {
      this.#full = false;
    }
  }
}
