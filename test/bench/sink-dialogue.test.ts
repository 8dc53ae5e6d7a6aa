import { describe, expect, it } from 'vitest';
import { type Answer, SinkDialogue } from './sink-dialogue.ts';

const MESSAGE = 'MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n';

/** All that it answers to a text that comes in pieces of this many bytes. */
function answer(dialogue: SinkDialogue, text: string, bytes = text.length): Answer {
  let all: Answer = { replies: '', messages: 0 };
  for (let from = 0; from < text.length; from += bytes) {
    const { replies, messages, ...next } = dialogue.push(text.slice(from, from + bytes));
    all = { replies: all.replies + replies, messages: all.messages + messages, ...next };
  }
  return all;
}

describe('the dialogue of the sink', () => {
  it('offers TLS before it is there, and not within it', () => {
    expect(answer(new SinkDialogue(false), 'EHLO x\r\n').replies).toContain('250-STARTTLS\r\n');
    expect(answer(new SinkDialogue(true), 'EHLO x\r\n').replies).not.toContain('STARTTLS');
    expect(answer(new SinkDialogue(false), 'STARTTLS\r\n')).toMatchObject({ next: 'startTls' });
  });

  it.each([1, 2, 3, 7, 1000])('takes pipelined messages in pieces of %d bytes', (bytes) => {
    const content = 'Subject: x\r\n\r\nQUIT\r\n..\r\n.x\r\n.\r\n';
    const text = `${MESSAGE}${content}${MESSAGE}x\r\n.\r\nQUIT\r\n`;
    const { replies, messages, next } = answer(new SinkDialogue(true), text, bytes);
    expect(messages).toBe(2);
    expect(replies.match(/^\d+/gm)?.join(' ')).toBe('250 250 354 250 250 250 354 250 221');
    expect(next).toBe('close');
  });

  it('takes no command that it does not know', () => {
    expect(answer(new SinkDialogue(true), 'BDAT 5 LAST\r\n').replies).toMatch(/^500 /);
  });
});
