/** What a session refuses, and the end of content, of which a part may be refused: logged, and in words. */
import type { MailLog } from '../log/types.ts';
import { LOGGED, type Refused, refusedCommand } from './command-line.ts';
import type { Dialogue } from './dialogue.ts';
import type { Ending } from './reception.ts';
import { refusal, reply } from './reply.ts';

export class Refusals {
  readonly #dialogue: Dialogue;
  readonly #log: Pick<MailLog, 'refused'>;
  readonly #hostname: () => string;

  constructor(dialogue: Dialogue, log: Pick<MailLog, 'refused'>, hostname: () => string) {
    this.#dialogue = dialogue;
    this.#log = log;
    this.#hostname = hostname;
  }

  /** Of what is no command, or has its reply later. */
  tell(refused: Refused): void {
    const { client, mail } = this.#dialogue;
    this.#log.refused(refusedCommand(client, mail?.from, refused));
  }

  /** @param replies as many as are due: content may have several (RFC 2033 §4.2). That the session ends is said once. */
  say(refused: Refused, replies = 1): string {
    if (LOGGED.has(refused.command)) this.tell(refused);
    const text = refusal(refused.error, this.#hostname());
    return refused.error.code === 421 ? text : text.repeat(replies);
  }

  /** The replies to content of which at least a part was accepted, in the order of its recipients. */
  ofContent(endings: readonly Ending[], command: string): string {
    const { recipients } = this.#dialogue;
    if (endings.some((ending) => typeof ending !== 'string')) this.#dialogue.countError();
    return endings
      .map((ending, place) =>
        typeof ending === 'string'
          ? reply(250, '2.0.0', ending)
          : this.say({ command, error: ending, recipient: recipients[place]?.address }),
      )
      .join('');
  }
}
