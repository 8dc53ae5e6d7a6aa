/** Small messages that came in just now: an attempt that follows at once reads nothing back. Bounded in bytes. */
import type { Envelope } from '../envelope.ts';
import type { QueueId } from './types.ts';

export interface HotMessage {
  readonly envelope: Envelope;
  readonly content: Buffer;
}

/** About what an envelope and the bookkeeping take. */
const OVERHEAD = 1024;

export class HotCache {
  readonly #limit: number;
  readonly #messages = new Map<QueueId, HotMessage>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(id: QueueId): HotMessage | undefined {
    return this.#messages.get(id);
  }

  /** Keeps a message; the oldest go where there are too many bytes. */
  put(id: QueueId, message: HotMessage): void {
    this.delete(id);
    this.#messages.set(id, message);
    this.#bytes += message.content.length + OVERHEAD;
    for (const oldest of this.#messages.keys()) {
      if (this.#bytes <= this.#limit) return;
      this.delete(oldest);
    }
  }

  delete(id: QueueId): void {
    const message = this.#messages.get(id);
    if (!message) return;
    this.#messages.delete(id);
    this.#bytes -= message.content.length + OVERHEAD;
  }
}
