/**
 * The books of a chaos run: what was answered 250, what has arrived, how often, and whether it arrived as it was sent.
 * A message of the run carries its id, the size of its body and a body that follows from both.
 */

export interface Entry {
  /** Kills that had happened when it was answered. */
  readonly kill: number;
  readonly recipients: readonly string[];
}

/** One arrival of a message for one recipient. Times are ms since the epoch. */
export interface Copy {
  /** Who handed it over. */
  readonly node: string;
  /** Queue id that the Received field of the last hop gives. */
  readonly queueId: string;
  /** When the final dot was read. */
  readonly dotAt: number;
  /** When the reply to it was written; infinite until then. */
  repliedAt: number;
}

export interface Totals {
  readonly acknowledged: number;
  readonly missing: readonly string[];
  readonly duplicates: number;
  /** Arrived, though the answer to the final dot was never seen: allowed (RFC 5321 §4.5.4.1). */
  readonly unanswered: number;
  readonly damaged: readonly string[];
}

function body(id: string, size: number): string {
  const line = `${id} .:-=+*#%@ `.repeat(1 + Math.floor(60 / (id.length + 12)));
  let text = '';
  while (text.length < size) text += `${line}\r\n`;
  return text;
}

/** Header and body as they are handed to SMTP: no line begins with a dot. */
export function compose(id: string, size: number): string {
  return `From: <load@chaos.test>\r\nMessage-ID: <${id}@chaos.test>\r\nX-Chaos: ${id} ${size}\r\n\r\n${body(id, size)}`;
}

export class Account {
  readonly #acknowledged = new Map<string, Entry>();
  readonly #arrived = new Map<string, number>();
  readonly #copies = new Map<string, Copy[]>();
  readonly #damaged: string[] = [];
  #missing = 0;

  /** A 250 to the final dot was read. */
  acknowledge(id: string, entry: Entry): void {
    this.#acknowledged.set(id, entry);
    this.#missing += entry.recipients.filter((to) => !this.#arrived.has(`${id} ${to}`)).length;
  }

  /** A next hop has taken a message for these recipients. */
  arrive(content: string, recipients: readonly string[], copy?: Copy): void {
    const mark = /^X-Chaos: (\S+) (\d+)\r$/m.exec(content);
    const id = mark?.[1];
    if (id === undefined || !content.endsWith(`\r\n\r\n${body(id, Number(mark?.[2]))}`)) {
      this.#damaged.push(id ?? content.slice(0, 200));
      return;
    }
    for (const to of recipients) {
      const key = `${id} ${to}`;
      const before = this.#arrived.get(key) ?? 0;
      this.#arrived.set(key, before + 1);
      if (before === 0 && this.#acknowledged.has(id)) this.#missing -= 1;
      if (copy === undefined) continue;
      const copies = this.#copies.get(key);
      if (copies === undefined) this.#copies.set(key, [copy]);
      else copies.push(copy);
    }
  }

  /** Arrivals by message and recipient (`<id> <address>`), in their order; of those that were told with a copy. */
  get copies(): ReadonlyMap<string, readonly Copy[]> {
    return this.#copies;
  }

  /** Acknowledged recipients that have not arrived yet. */
  get missing(): number {
    return this.#missing;
  }

  totals(): Totals {
    const missing: string[] = [];
    let expected = 0;
    for (const [id, { recipients, kill }] of this.#acknowledged) {
      for (const to of recipients) {
        expected += 1;
        if (!this.#arrived.has(`${id} ${to}`)) missing.push(`${id} to ${to}, answered after kill ${kill}`);
      }
    }
    let duplicates = 0;
    let unanswered = 0;
    for (const [key, times] of this.#arrived) {
      duplicates += times - 1;
      if (!this.#acknowledged.has(key.slice(0, key.indexOf(' ')))) unanswered += 1;
    }
    return { acknowledged: expected, missing, duplicates, unanswered, damaged: this.#damaged };
  }
}
