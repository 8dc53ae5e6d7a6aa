/** One operation of a disk that waits: what a paused process was about to do when it was paused. */
import type { MemoryDisk } from './memory-disk.ts';

export interface HeldStep {
  /** Resolves when the operation has come. */
  readonly reached: Promise<void>;
  /** Lets it happen. */
  go(): void;
}

type Held = 'open' | 'openWritable' | 'list' | 'rename' | 'unlink' | 'link' | 'create' | 'syncDirectory';

/** Holds the next operation of this kind whose path fits; those after it are not held. */
export function holdNext(disk: MemoryDisk, operation: Held, fits: (path: string) => boolean): HeldStep {
  let reach = (): void => undefined;
  let go = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  const original = disk[operation] as (...given: unknown[]) => Promise<unknown>;
  const held = async (...given: unknown[]): Promise<unknown> => {
    // Some have options behind their paths.
    if (given.some((one) => typeof one === 'string' && fits(one))) {
      Object.assign(disk, { [operation]: original });
      reach();
      await gone;
    }
    return original.apply(disk, given);
  };
  Object.assign(disk, { [operation]: held });
  return { reached, go };
}
