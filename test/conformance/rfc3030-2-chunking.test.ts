/** RFC 3030 §2: CHUNKING, content by BDAT. */
import { afterEach, describe, expect, it } from 'vitest';
import { smtpError } from '../../mta/errors.ts';
import { eventually, LIMITS, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

const MAIL = 'MAIL FROM:<x@elsewhere.test>';
const RCPT = 'RCPT TO:<anna@example.test>';

/** A client with a transaction under way. */
async function begin(options: Parameters<typeof serve>[0] = {}) {
  const server = await serve(options);
  const wire = await Wire.hello(server.port);
  expect(await wire.dialogue(MAIL, RCPT)).toEqual(['250 2.1.0', '250 2.1.5']);
  return { server, wire };
}

/** Sends all of it at once; the status of so many replies. */
async function replies(wire: Wire, count: number, bytes: string): Promise<string[]> {
  wire.send(bytes);
  const found: string[] = [];
  while (found.length < count) found.push((await wire.reply()).status);
  return found;
}

describe('RFC 3030 §2: BDAT', () => {
  it('is announced as CHUNKING', async () => {
    const { port } = await serve();
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO x')).lines).toContain('CHUNKING');
  });

  it('takes so many octets as it says, answers each chunk 250, and the message with the last', async () => {
    const { server, wire } = await begin();
    const first = await wire.command(`BDAT 14\r\nSubject: x\r\n\r\n`.slice(0, -2));
    expect(first.status).toBe('250 2.0.0');
    expect(first.lines).toEqual(['2.0.0 14 octets received']);
    expect(server.accepted).toEqual([]);
    expect(await replies(wire, 1, 'BDAT 6 LAST\r\n.\r\nx\r\n')).toEqual(['250 2.0.0']);
    // A dot means nothing here: it is neither an end nor a transparency's.
    expect(server.accepted).toMatchObject([
      { content: 'Subject: x\r\n\r\n.\r\nx\r\n', recipients: ['anna@example.test'] },
    ]);
    expect(await wire.dialogue(MAIL)).toEqual(['250 2.1.0']);
  });

  it('may end with a chunk of no octets, and LAST may be in any letters', async () => {
    const { server, wire } = await begin();
    expect(await replies(wire, 2, 'bdat 5\r\nabc\r\nBdat 0 lAst\r\n')).toEqual(['250 2.0.0', '250 2.0.0']);
    expect(server.accepted[0]!.content).toBe('abc\r\n');
  });

  it('may be pipelined with all of its transaction, however it is cut (RFC 2920 §3.1)', async () => {
    const text = `${MAIL}\r\n${RCPT}\r\nBDAT 7\r\nab\r\nc\r\nBDAT 0\r\nBDAT 4 LAST\r\n\r\n\r\nNOOP\r\n`;
    const statuses = ['250 2.1.0', '250 2.1.5', '250 2.0.0', '250 2.0.0', '250 2.0.0', '250 2.0.0'];
    for (const size of [text.length, 1, 2, 3, 7, 16]) {
      const server = await serve();
      const wire = await Wire.hello(server.port);
      for (let at = 0; at < text.length; at += size) {
        wire.send(text.slice(at, at + size));
        if (size < text.length) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await replies(wire, statuses.length, '')).toEqual(statuses);
      expect(server.accepted[0]!.content).toBe('ab\r\nc\r\n\r\n\r\n');
    }
  });

  it('reads what it refuses, so that nothing of it is a command', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    expect(await replies(wire, 2, 'BDAT 6 LAST\r\nRSET\r\nNOOP\r\n')).toEqual(['503 5.5.1', '250 2.0.0']);
    await wire.dialogue(MAIL);
    expect(await replies(wire, 2, 'BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n')).toEqual(['554 5.5.1', '250 2.0.0']);
  });

  it('has a failed chunk’s successors fail, too, which are in the pipeline already', async () => {
    const { server, wire } = await begin({ limits: { messageSize: 10 } });
    expect(
      await replies(wire, 4, `BDAT 5\r\nabc\r\nBDAT 8\r\n123456\r\nBDAT 3 LAST\r\nx\r\nRSET\r\n`),
    ).toEqual(['250 2.0.0', '552 5.3.4', '503 5.5.1', '250 2.0.0']);
    expect(server.accepted).toEqual([]);
    expect(server.aborted).toHaveLength(1);
    expect(await wire.dialogue(MAIL, RCPT)).toEqual(['250 2.1.0', '250 2.1.5']);
  });

  it('is refused behind its LAST', async () => {
    const { server, wire } = await begin();
    expect(await replies(wire, 2, 'BDAT 3 LAST\r\na\r\nBDAT 3 LAST\r\nb\r\n')).toEqual([
      '250 2.0.0',
      '503 5.5.1',
    ]);
    expect(server.accepted).toHaveLength(1);
  });

  it('is not mixed with DATA, nor with more recipients', async () => {
    const { server, wire } = await begin();
    expect(await replies(wire, 1, 'BDAT 3\r\na\r\n')).toEqual(['250 2.0.0']);
    expect(await wire.dialogue('DATA', RCPT, MAIL)).toEqual(['503 5.5.1', '503 5.5.1', '503 5.5.1']);
    expect(await replies(wire, 1, 'BDAT 3 LAST\r\nb\r\n')).toEqual(['250 2.0.0']);
    expect(server.accepted).toMatchObject([{ content: 'a\r\nb\r\n', recipients: ['anna@example.test'] }]);
  });

  it('is forgotten by RSET and by EHLO, also in the middle', async () => {
    for (const forget of ['RSET', 'EHLO again']) {
      const { server, wire } = await begin();
      expect(await replies(wire, 2, `BDAT 3\r\na\r\n${forget}\r\n`)).toEqual([
        '250 2.0.0',
        expect.stringMatching(/^250/),
      ]);
      await eventually(() => server.aborted.length === 1);
      expect(await wire.dialogue(MAIL, RCPT)).toEqual(['250 2.1.0', '250 2.1.5']);
      expect(await replies(wire, 1, 'BDAT 3 LAST\r\nb\r\n')).toEqual(['250 2.0.0']);
      expect(server.accepted.map(({ content }) => content)).toEqual(['b\r\n']);
    }
  });

  it('closes where it isn’t known how much there is to skip', async () => {
    for (const bad of [
      'BDAT',
      'BDAT x',
      'BDAT -1',
      'BDAT 1 FIRST',
      'BDAT 1 LAST LAST',
      'BDAT 9999999999999999',
    ]) {
      const { wire } = await begin();
      expect((await wire.command(bad)).status).toBe('501 5.5.4');
      await wire.closed();
    }
  });

  it('asks for TLS and for AUTH as DATA does', async () => {
    const secured = await serve({ tls: { mode: 'starttls', required: true } });
    const wire = await Wire.hello(secured.port);
    expect(await replies(wire, 2, 'BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n')).toEqual(['530 5.7.0', '250 2.0.0']);
    const asking = await serve({ auth: { offered: true, required: true, allowWithoutTls: true } });
    const other = await Wire.hello(asking.port);
    expect(await replies(other, 2, `${MAIL}\r\nBDAT 6 LAST\r\nQUIT\r\n`)).toEqual(['530 5.7.0', '503 5.5.1']);
  });

  it('wants canonical lines, as a next hop may be sent this by DATA', async () => {
    for (const bad of ['a\nb\r\n', 'a\rb\r\n', 'a\r\n.\n', 'a\r']) {
      const { server, wire } = await begin();
      expect(await replies(wire, 2, `BDAT ${bad.length} LAST\r\n${bad}NOOP\r\n`)).toEqual([
        '554 5.6.0',
        '250 2.0.0',
      ]);
      expect(server.accepted).toEqual([]);
    }
    const { server, wire } = await begin();
    expect(await replies(wire, 2, 'BDAT 2\r\na\rBDAT 2 LAST\r\n\nb')).toEqual(['250 2.0.0', '250 2.0.0']);
    expect(server.accepted[0]!.content).toBe('a\r\nb');
  });

  it('slows a client down, and answers when the storage has taken the chunk', async () => {
    const { server, wire } = await begin();
    let free: () => void = () => undefined;
    const waits = new Promise<void>((resolve) => {
      free = resolve;
    });
    server.hooks.write = () => waits;
    wire.send('BDAT 3\r\na\r\nNOOP\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(wire.chunks.join('')).not.toContain('octets received');
    free();
    expect(await replies(wire, 2, '')).toEqual(['250 2.0.0', '250 2.0.0']);
  });

  it('tells of a storage that is full after the chunk', async () => {
    const { server, wire } = await begin();
    server.hooks.content = () => {
      throw smtpError('insufficientStorage');
    };
    expect(await replies(wire, 2, 'BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\n')).toEqual(['452 4.3.1', '503 5.5.1']);
  });

  it('keeps nothing of a client that goes away between two chunks', async () => {
    const { server, wire } = await begin();
    await replies(wire, 1, 'BDAT 3\r\na\r\n');
    wire.finish();
    await eventually(() => server.aborted.length === 1);
    expect(server.accepted).toEqual([]);
  });

  it('ends a session of chunks that say nothing', async () => {
    const { wire } = await begin();
    const { idleCommandsPerSession: most } = LIMITS;
    const statuses = await replies(wire, most + 1, 'BDAT 0\r\n'.repeat(most + 1));
    expect(statuses.at(-1)).toBe('421 4.7.0');
    await wire.closed();
  });
});
