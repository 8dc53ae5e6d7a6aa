/**
 * First in, first out for each sender, and one of each sender in turn: a sender of a million messages delays another's
 * first one by one message, not by a million.
 */
export class FairQueue<T> {
  /** In turn order: a map keeps the order of insertion, and a sender that was served is inserted again at its end. */
  readonly #senders = new Map<string, Fifo<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(sender: string, item: T): void {
    let line = this.#senders.get(sender);
    if (line === undefined) {
      line = new Fifo();
      this.#senders.set(sender, line);
    }
    line.push(item);
    this.#size += 1;
  }

  shift(): T | undefined {
    const next = this.#senders.entries().next();
    if (next.done) return undefined;
    const [sender, line] = next.value;
    const item = line.shift();
    this.#size -= 1;
    // With one sender there is no turn to pass on, and the map stays as it is.
    if (line.size === 0) this.#senders.delete(sender);
    else if (this.#senders.size > 1) {
      this.#senders.delete(sender);
      this.#senders.set(sender, line);
    }
    return item;
  }
}

/** An array whose head is an index: shifting doesn't move what is behind it. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
