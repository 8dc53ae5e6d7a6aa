/**
 * One transaction with a simulated next hop: the mta's own dialogue (mta/deliver/) over a socket in virtual time. The hop
 * offers PIPELINING, so that commands come in one piece, and answers for each recipient, as LMTP has it (RFC 2033 §4.2).
 * Rejects as the mta's transaction does.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '../../mta/clock.ts';
import { Dialogue } from '../../mta/deliver/dialogue.ts';
import { SmtpTransaction } from '../../mta/deliver/transaction.ts';
import type { RecipientResult } from '../../mta/deliver/types.ts';
import { smtpError } from '../../mta/errors.ts';
import type { Job, StoredMessage, StoredReply } from '../../mta/queue/types.ts';
import type { NextHop } from '../../mta/route/types.ts';
import { DELIVERY } from './settings.ts';

export interface Hop {
  /** MAIL is on its way; resolves when what the hop says to that and the recipients is here. */
  mail(): Promise<void>;
  /** The final dot is on the wire. Resolves with what the hop says for each recipient; with undefined where that gets lost. */
  finalDot(content: Buffer): Promise<readonly StoredReply[] | undefined>;
}

export async function converse(
  hop: Hop,
  { envelope, content }: StoredMessage,
  { recipients }: Job,
  { clock, owned }: { readonly clock: Clock; readonly owned: () => boolean },
): Promise<readonly RecipientResult[]> {
  const socket = new HopSocket(hop, recipients.length);
  const dialogue = new Dialogue(socket as unknown as Socket, clock, 'hop.test');
  const transaction = new SmtpTransaction(
    {
      ...{ dialogue, hop: NEXT_HOP, extensions: EXTENSIONS, timeouts: DELIVERY.timeouts },
      ...{ now: () => clock.now(), needsReset: false },
    },
    () => undefined,
  );
  transaction.begin(envelope);
  for (const index of recipients) transaction.recipient(envelope.recipients[index]!, index);
  transaction.body(content, owned);
  try {
    return await transaction.commit();
  } finally {
    dialogue.fail(smtpError('connectionLost', { closes: true }));
  }
}

const EXTENSIONS = new Map([['PIPELINING', '']]);
const NEXT_HOP: NextHop = {
  host: 'hop.test',
  address: '192.0.2.1',
  port: 24,
  protocol: 'lmtp',
  implicitTls: false,
  tls: { name: 'none', mode: 'none', fallbackToClear: false, minVersion: 'TLSv1.2', destinations: [] },
};

const FINAL_DOT = Buffer.from('\r\n.\r\n');

/** As much of a socket as a dialogue uses. */
class HopSocket extends EventEmitter {
  readonly writable = true;
  destroyed = false;
  readonly #hop: Hop;
  readonly #recipients: number;
  #mail = false;
  #content: Buffer[] = [];

  constructor(hop: Hop, recipients: number) {
    super();
    this.#hop = hop;
    this.#recipients = recipients;
  }

  write(bytes: string | Buffer): boolean {
    if (this.destroyed) return true;
    if (!this.#mail) {
      this.#mail = true;
      const accepted = '250 2.1.0 Ok\r\n'.repeat(1 + this.#recipients);
      void this.#hop.mail().then(() => this.#say(`${accepted}354 Go ahead\r\n`));
      return true;
    }
    this.#content.push(Buffer.from(bytes as Buffer));
    const content = Buffer.concat(this.#content);
    if (content.subarray(-FINAL_DOT.length).equals(FINAL_DOT)) {
      void this.#hop.finalDot(content.subarray(0, -FINAL_DOT.length)).then((replies) => {
        if (!replies) this.emit('close');
        else this.#say(replies.map(({ code, enhanced, text }) => `${code} ${enhanced} ${text}\r\n`).join(''));
      });
    }
    return true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  #say(replies: string): void {
    if (!this.destroyed) this.emit('data', Buffer.from(replies));
  }
}
