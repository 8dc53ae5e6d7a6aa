/**
 * AUTH of one session (RFC 4954 §4): the command, the lines of its exchange, and how often it has failed. Refusals are `SmtpError`s
 * that it throws or rejects with.
 */
import { SmtpError, smtpError } from '../errors.ts';
import type { DialogueClient } from './dialogue-client.ts';
import { reply } from './reply.ts';
import { type SaslExchange, type SaslStep, startSasl } from './sasl.ts';
import type { Acceptor } from './types.ts';

/** Longest line of an exchange, in octets without CRLF (RFC 4954 §4). */
export const LONGEST_AUTH_LINE = 12_288;

/** What to send: another line of the exchange follows, or it is over. */
export type AuthAnswer = { readonly next: 'response'; readonly reply: string } | Promise<string>;

const AUTHENTICATED = reply(235, '2.7.0', 'Authentication successful');

export class Authentication {
  readonly #client: DialogueClient;
  readonly #acceptor: Acceptor;
  #exchange: SaslExchange | undefined;
  failures = 0;

  constructor(client: DialogueClient, acceptor: Acceptor) {
    this.#client = client;
    this.#acceptor = acceptor;
  }

  start(args: string): AuthAnswer {
    const client = this.#client;
    if (!client.listener.auth.offered) throw smtpError('notImplemented');
    if (client.helo === undefined) throw smtpError('badSequence', { detail: 'send EHLO first' });
    // RFC 4954 §4: once per session
    if (client.user !== undefined) throw smtpError('badSequence', { detail: 'already authenticated' });
    if (client.tls === undefined && !client.listener.auth.allowWithoutTls) throw smtpError('authTooWeak');
    const [mechanism = '', initial, ...more] = args.split(' ');
    if (mechanism === '' || initial === '' || more.length > 0) throw smtpError('badArguments');
    const { step, exchange } = startSasl(mechanism.toUpperCase(), initial);
    return this.#answer(step, exchange);
  }

  /** Answers the line that was asked for. */
  response(line: string): AuthAnswer {
    const exchange = this.#exchange!;
    this.#exchange = undefined;
    if (line.length > LONGEST_AUTH_LINE) throw smtpError('authLineTooLong');
    return this.#answer(exchange(line), exchange);
  }

  #answer(step: SaslStep, exchange: SaslExchange): AuthAnswer {
    if ('challenge' in step) {
      this.#exchange = exchange;
      return { next: 'response', reply: `334 ${step.challenge}\r\n` };
    }
    return this.#acceptor.authenticate(this.#client, step.username, step.password).then(
      (user) => {
        this.#client.user = user;
        return AUTHENTICATED;
      },
      (error: unknown) => {
        this.failures += 1;
        throw error instanceof SmtpError ? error : smtpError('authTemporary', { cause: error });
      },
    );
  }
}
