/** The kinds of load that are measured. */

export interface Work {
  /** Bytes of the message's body. */
  readonly size: number;
  /** Whether a session sends all of its messages over one connection. */
  readonly kept: boolean;
  /** One session alone, whatever the option says. */
  readonly single: boolean;
  /** Measured messages of a pass. */
  readonly messages: number;
  /**
   * Those before it, for each worker of Postrider and for Postfix: they bring caches and the compiler of V8 up to speed, and
   * the disk to the pace that it keeps.
   */
  readonly warmUp: number;
}

export const WORKS = {
  '4k-kept': { size: 4096, kept: true, single: false, messages: 20_000, warmUp: 30_000 },
  '4k-new': { size: 4096, kept: false, single: false, messages: 12_000, warmUp: 10_000 },
  '100k-kept': { size: 102_400, kept: true, single: false, messages: 4000, warmUp: 2000 },
  '4k-single': { size: 4096, kept: true, single: true, messages: 6000, warmUp: 3000 },
} as const satisfies Record<string, Work>;

export type WorkName = keyof typeof WORKS;
