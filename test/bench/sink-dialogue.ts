/** What the sink that speaks TLS says to what a client has sent, and what that comes to. It takes all mail. Pure. */

export interface Answer {
  readonly replies: string;
  /** Messages that have ended in what was sent. */
  readonly messages: number;
  readonly next?: 'startTls' | 'close';
}

const END = '\r\n.\r\n';

export class SinkDialogue {
  readonly #greets: string;
  #buffer = '';
  #inData = false;

  /** @param secured whether it is the dialogue after STARTTLS: that has no greeting, and offers no TLS */
  constructor(secured: boolean) {
    // What smtp-sink announces, too.
    const extensions = ['PIPELINING', '8BITMIME', ...(secured ? [] : ['STARTTLS'])];
    this.#greets = `250-sink.test\r\n${extensions.map((each) => `250-${each}\r\n`).join('')}250 HELP\r\n`;
  }

  /** @param text in latin1, cut anywhere */
  push(text: string): Answer {
    const searched = Math.max(0, this.#buffer.length - END.length);
    this.#buffer += text;
    let replies = '';
    let messages = 0;
    for (;;) {
      if (this.#inData) {
        const end = this.#buffer.indexOf(END, messages === 0 && replies === '' ? searched : 0);
        if (end < 0) return { replies, messages };
        this.#buffer = this.#buffer.slice(end + END.length);
        this.#inData = false;
        messages += 1;
        replies += '250 2.0.0 taken\r\n';
        continue;
      }
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) return { replies, messages };
      const verb = this.#buffer.slice(0, end).split(' ', 1)[0]!.toUpperCase();
      this.#buffer = this.#buffer.slice(end + 2);
      if (verb === 'STARTTLS')
        return { replies: `${replies}220 2.0.0 go on\r\n`, messages, next: 'startTls' };
      if (verb === 'QUIT') return { replies: `${replies}221 2.0.0 bye\r\n`, messages, next: 'close' };
      this.#inData = verb === 'DATA';
      replies += REPLIES[verb] ?? (verb === 'EHLO' ? this.#greets : '500 5.5.2 what?\r\n');
    }
  }
}

const REPLIES: Readonly<Record<string, string>> = {
  HELO: '250 sink.test\r\n',
  MAIL: '250 2.1.0 ok\r\n',
  RCPT: '250 2.1.5 ok\r\n',
  DATA: '354 go on\r\n',
  RSET: '250 2.0.0 ok\r\n',
  NOOP: '250 2.0.0 ok\r\n',
};
