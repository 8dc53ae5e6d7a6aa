/** What a session refuses: logged, and in words. */
import type { MailLog } from '../log/types.ts';
import { LOGGED, type Refused, refusedCommand } from './command-line.ts';
import type { Dialogue } from './dialogue.ts';
import { refusal } from './reply.ts';

export class Refusals {
  readonly #dialogue: Dialogue;
  readonly #log: Pick<MailLog, 'refused'>;
  readonly #hostname: () => string;

  constructor(dialogue: Dialogue, log: Pick<MailLog, 'refused'>, hostname: () => string) {
    this.#dialogue = dialogue;
    this.#log = log;
    this.#hostname = hostname;
  }

  say(refused: Refused): string {
    const { client, mail } = this.#dialogue;
    if (LOGGED.has(refused.command)) this.#log.refused(refusedCommand(client, mail?.from, refused));
    return refusal(refused.error, this.#hostname());
  }
}
