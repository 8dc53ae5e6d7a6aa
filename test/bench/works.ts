/** The kinds of load that are measured. */

/** Where each message has a TLS connection of its own. */
export interface TlsWork {
  /** From the source into the MTA, or out of it to the sink; the other side is in clear text. */
  readonly side: 'in' | 'out';
  /** Who connects may resume the TLS session of an earlier connection; else every handshake is a full one. */
  readonly resumed: boolean;
}

export interface Work {
  /** Bytes of the message's body. */
  readonly size: number;
  /** Whether a session of the source sends all of its messages over one connection. */
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
  readonly tls?: TlsWork;
}

const HANDSHAKES = { size: 4096, single: false, messages: 5000, warmUp: 1500 } as const;

export const WORKS = {
  '4k-kept': { size: 4096, kept: true, single: false, messages: 20_000, warmUp: 30_000 },
  '4k-new': { size: 4096, kept: false, single: false, messages: 12_000, warmUp: 10_000 },
  '100k-kept': { size: 102_400, kept: true, single: false, messages: 4000, warmUp: 2000 },
  '4k-single': { size: 4096, kept: true, single: true, messages: 6000, warmUp: 3000 },
  'tls-in': { ...HANDSHAKES, kept: false, tls: { side: 'in', resumed: false } },
  'tls-in-resumed': { ...HANDSHAKES, kept: false, tls: { side: 'in', resumed: true } },
  'tls-out': { ...HANDSHAKES, kept: true, tls: { side: 'out', resumed: false } },
  'tls-out-resumed': { ...HANDSHAKES, kept: true, tls: { side: 'out', resumed: true } },
} as const satisfies Record<string, Work>;

export type WorkName = keyof typeof WORKS;
