/**
 * Syncs of one folder by one process, one at a time. Whoever asks while one is under way shares the next: each waits for a
 * sync that was begun after it asked. A failure is told once by the operating system, and is about every name that was
 * not yet synced: so whoever made a name before it fails too, whichever sync it was that told.
 */
export class FolderSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failures = 0;
  #failure: unknown;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** To be taken before a name is made. */
  get mark(): number {
    return this.#failures;
  }

  /** Resolves when the names that were made since `mark` was taken are on stable storage. */
  async sync(mark: number): Promise<void> {
    await this.#shared();
    if (this.#failures !== mark) throw this.#failure;
  }

  #shared(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#begin();
    this.#next = this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    const mine = this.#sync()
      .catch((error: unknown) => {
        this.#failures += 1;
        this.#failure = error;
        throw error;
      })
      .finally(() => {
        if (this.#running === mine) this.#running = undefined;
      });
    this.#running = mine;
    return mine;
  }
}
