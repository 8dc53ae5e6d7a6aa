/**
 * Answers by TTL, bounded in number, with lookups in flight shared. A failure is never kept; what the lookup rejects
 * with reaches everyone who waits for it.
 */
import type { Clock } from '../clock.ts';

/** Bounds on how long an answer may be kept, in seconds: RFC 2308 §5 advises one to three hours for negative ones. */
const LONGEST_POSITIVE = 86_400;
const LONGEST_NEGATIVE = 3 * 3600;

export interface Cacheable {
  readonly status: string;
  readonly ttl?: number;
}

export class DnsCache {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #answers = new Map<string, { readonly value: Cacheable; readonly until: number }>();
  readonly #inFlight = new Map<string, Promise<Cacheable>>();

  constructor(clock: Clock, capacity: number) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** The kept answer, or that of `lookup`. One key must always stand for one type of answer. */
  get<V extends Cacheable>(key: string, lookup: () => Promise<V>): Promise<V> {
    const kept = this.#answers.get(key);
    if (kept !== undefined && kept.until > this.#clock.monotonic()) {
      return Promise.resolve(kept.value as V);
    }
    this.#answers.delete(key);
    const shared = this.#inFlight.get(key) as Promise<V> | undefined;
    if (shared !== undefined) {
      return shared;
    }
    const running = lookup()
      .then((value) => {
        this.#keep(key, value);
        return value;
      })
      .finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, running);
    return running;
  }

  #keep(key: string, value: Cacheable): void {
    const longest = value.status === 'found' ? LONGEST_POSITIVE : LONGEST_NEGATIVE;
    const seconds = Math.min(value.ttl ?? 0, longest);
    if (seconds <= 0) {
      return;
    }
    if (this.#answers.size >= this.#capacity) {
      // The oldest in: good enough, as what is popular is soon asked for again.
      this.#answers.delete(this.#answers.keys().next().value!);
    }
    this.#answers.set(key, { value, until: this.#clock.monotonic() + seconds * 1000 });
  }
}
