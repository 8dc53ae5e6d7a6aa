/**
 * How many connections there are to each destination. One that is being opened counts, and one that was closed by us counts
 * until the other side has closed it too: that is when it no longer counts there.
 */
import type { DestinationKey } from '../route/types.ts';

/** A connection as far as it is counted. */
interface Connection {
  /** Resolves when it is closed on both sides, or given up. */
  readonly closed: Promise<void>;
}

interface Count {
  open: number;
  /** Of these, such as are being closed. */
  leaving: number;
  /** Who waits for one to be closed. */
  waiting: (() => void)[];
}

export class Connections {
  readonly #onClosed: (destination: DestinationKey) => void;
  readonly #counts = new Map<DestinationKey, Count>();
  /** Which destination each connection serves, or served last. */
  readonly #served = new Map<Connection, { destination: DestinationKey; leaving: boolean }>();

  constructor(onClosed: (destination: DestinationKey) => void) {
    this.#onClosed = onClosed;
  }

  /** All that are open. */
  open(destination: DestinationKey): number {
    return this.#counts.get(destination)?.open ?? 0;
  }

  /** Those that aren't being closed. */
  staying(destination: DestinationKey): number {
    const { open, leaving } = this.#counts.get(destination) ?? { open: 0, leaving: 0 };
    return open - leaving;
  }

  /** One is being opened: `opened` or `failed` says what came of it. */
  begin(destination: DestinationKey): void {
    this.#count(destination).open += 1;
  }

  opened(connection: Connection, destination: DestinationKey): void {
    this.#served.set(connection, { destination, leaving: false });
    void connection.closed.then(() => this.#closed(connection));
  }

  failed(destination: DestinationKey): void {
    this.#ended(destination);
  }

  /** From now on it serves this destination. */
  serve(connection: Connection, destination: DestinationKey): void {
    const served = this.#served.get(connection);
    if (served === undefined || served.destination === destination) return;
    this.#ended(served.destination);
    served.destination = destination;
    this.#count(destination).open += 1;
  }

  /** It is about to be closed. */
  leave(connection: Connection): void {
    const served = this.#served.get(connection);
    if (served === undefined || served.leaving) return;
    served.leaving = true;
    this.#count(served.destination).leaving += 1;
  }

  /** Resolves when the next connection to the destination has been closed. */
  oneClosed(destination: DestinationKey): Promise<void> {
    return new Promise((resolve) => void this.#count(destination).waiting.push(resolve));
  }

  #closed(connection: Connection): void {
    const served = this.#served.get(connection);
    if (served === undefined) return;
    this.#served.delete(connection);
    if (served.leaving) this.#count(served.destination).leaving -= 1;
    this.#ended(served.destination);
  }

  #ended(destination: DestinationKey): void {
    const count = this.#count(destination);
    count.open -= 1;
    for (const wake of count.waiting.splice(0)) wake();
    if (count.open === 0) this.#counts.delete(destination);
    this.#onClosed(destination);
  }

  #count(destination: DestinationKey): Count {
    let count = this.#counts.get(destination);
    if (count === undefined) {
      count = { open: 0, leaving: 0, waiting: [] };
      this.#counts.set(destination, count);
    }
    return count;
  }
}
