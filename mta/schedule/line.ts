/**
 * A line of which the first is asked for again and again, and that anybody may leave: each in constant time on average,
 * however many have been before. A `Set` alone steps over the places of those who left whenever its first is asked for.
 */
export class Line<T> {
  readonly #members = new Set<T>();
  #walk: Iterator<T> = this.#members.values();
  /** Where the walk has come to; undefined where that one has left. */
  #first: T | undefined;

  get size(): number {
    return this.#members.size;
  }

  get first(): T | undefined {
    if (this.#first !== undefined || this.#members.size === 0) return this.#first;
    let next = this.#walk.next();
    if (next.done) {
      // A walk that has come to its end stays there.
      this.#walk = this.#members.values();
      next = this.#walk.next();
    }
    this.#first = next.value;
    return this.#first;
  }

  has(member: T): boolean {
    return this.#members.has(member);
  }

  /** At the end; nothing where it is in the line. */
  add(member: T): void {
    this.#members.add(member);
  }

  delete(member: T): void {
    this.#members.delete(member);
    if (this.#first === member) this.#first = undefined;
  }
}
