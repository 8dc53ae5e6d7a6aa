/** How many drafts of a lane have not ended. */
export class OpenDrafts {
  #open = 0;
  #waiting: (() => void)[] = [];

  get any(): boolean {
    return this.#open > 0;
  }

  begun(): void {
    this.#open += 1;
  }

  ended(): void {
    this.#open -= 1;
    if (this.#open === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when all have ended; nobody may begin one any more. */
  allEnded(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
