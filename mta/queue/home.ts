/** The lane that takes the new mail of a process: there may be none for a while, and another one after that. */
import { smtpError } from '../errors.ts';
import type { Lane } from './lane.ts';
import { Retry, type RetryParts } from './retry.ts';

export class Home {
  readonly #retry: Retry;
  readonly #create: () => Promise<Lane>;
  #lane: Lane | undefined;

  /** @param create a lane that this process keeps */
  constructor(retry: RetryParts, create: () => Promise<Lane>) {
    this.#retry = new Retry(retry);
    this.#create = create;
  }

  get lane(): Lane | undefined {
    return this.#lane;
  }

  /** For a message. Throws `SmtpError` 451 where there is none. */
  get open(): Lane {
    // A lane that could not be renewed for a term, as the disk doesn't answer, would keep the client waiting.
    if (this.#lane?.owned) return this.#lane;
    throw smtpError('leaseLost');
  }

  /** @param lane a new one where absent; one that was lost on the way here is none, and the next turn makes another */
  async moveInto(lane?: Lane): Promise<void> {
    const next = lane ?? (await this.#create());
    this.#lane = next.over ? undefined : next;
  }

  /** @param lane where it is that one */
  leave(lane = this.#lane): void {
    if (this.#lane === lane) this.#lane = undefined;
  }

  /** Makes one where there is none, unless that has failed just now. Rejects where it fails. */
  async ensure(): Promise<void> {
    if (this.#lane !== undefined || !this.#retry.due) return;
    try {
      await this.moveInto();
      this.#retry.succeeded();
    } catch (error) {
      this.#retry.failed();
      throw error;
    }
  }
}
