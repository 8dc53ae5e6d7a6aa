import { describe, expect, it } from 'vitest';
import type { Limits } from '../config.ts';
import { smtpError } from '../errors.ts';
import { ChunkReception, Reception } from './reception.ts';
import type { ContentSink } from './types.ts';

const limits = { messageSize: 100, lineLength: 50 } as Limits;

function setUp(more: Partial<ContentSink> = {}, recipients?: number) {
  const seen = { content: '', aborts: 0, commits: 0, without: [] as number[] };
  const sink: ContentSink = {
    write(chunk) {
      seen.content += chunk.toString('latin1');
      return undefined;
    },
    async commit(without = new Set()) {
      seen.commits += 1;
      seen.without = [...without];
      return 'Ok';
    },
    abort() {
      seen.aborts += 1;
    },
    ...more,
  };
  const reception = new Reception(sink, limits, recipients);
  return { reception, seen, push: (text: string) => reception.push(Buffer.from(text, 'latin1')) };
}

describe('Reception', () => {
  it('commits what it got, once, and never aborts it then', async () => {
    const { reception, seen, push } = setUp();
    expect(push('a\r\n..b\r\n.\r\nQUIT')).toBe(11);
    expect(reception.complete).toBe(true);
    expect(await reception.commit()).toEqual(['Ok']);
    reception.abort();
    expect(seen).toEqual({ content: 'a\r\n.b\r\n', aborts: 0, commits: 1, without: [] });
  });

  it.each([
    ['a message above the limit', `${'x'.repeat(40)}\r\n`.repeat(3), {}, '552 5.3.4'],
    ["a message above the sink's own limit", '0123456789\r\n', { limits: [11, 100] }, '552 5.3.4'],
    ['a line above the limit', `${'x'.repeat(49)}\r\n`, {}, '554 5.6.0'],
  ])('refuses %s, stops storing, and reads on to its end', async (_, text, more, status) => {
    const { reception, seen, push } = setUp(more);
    push(text);
    push('more\r\n.\r\n');
    expect(reception.complete).toBe(true);
    expect(seen.aborts).toBe(1);
    await expect(reception.commit()).rejects.toThrow(
      expect.objectContaining({ code: Number(status.slice(0, 3)), enhanced: status.slice(4) }),
    );
    expect(seen).toMatchObject({ aborts: 1, commits: 0 });
    expect(seen.content).not.toContain('more');
  });

  it('keeps the first refusal of a sink, thrown or rejected, and writes no more', async () => {
    for (const write of [
      () => Promise.reject(smtpError('insufficientStorage')),
      () => {
        throw smtpError('insufficientStorage');
      },
    ]) {
      const { reception, seen, push } = setUp({ write });
      push('a\r\n');
      await reception.ready();
      push(`${'x'.repeat(200)}\r\n.\r\n`);
      await expect(reception.commit()).rejects.toThrow('Insufficient system storage');
      expect(seen.aborts).toBe(1);
    }
  });

  it('commits it for each recipient that takes it, where each has a reply of its own', async () => {
    const { reception, seen, push } = setUp({ limits: [3, 4, Infinity] }, 3);
    push('ab\r\n.\r\n');
    expect(await reception.commit()).toEqual([expect.objectContaining({ code: 552 }), 'Ok', 'Ok']);
    expect(seen).toMatchObject({ commits: 1, without: [0] });
  });

  it('refuses what is above the limits of all, or above the listener’s', async () => {
    for (const [own, text] of [
      [[3, 11], '0123456789\r\n'],
      [[Infinity, Infinity], `${'x'.repeat(48)}\r\n`.repeat(3)],
    ] as const) {
      const { reception, seen, push } = setUp({ limits: own }, 2);
      push(`${text}.\r\n`);
      await expect(reception.commit()).rejects.toThrow(expect.objectContaining({ code: 552 }));
      expect(reception.replies).toBe(2);
      expect(seen).toMatchObject({ commits: 0, aborts: 1 });
    }
  });

  it('aborts and throws what closes for a bare newline', () => {
    const { seen, push } = setUp();
    expect(() => push('a\nb\r\n.\r\n')).toThrow(expect.objectContaining({ code: 521, closes: true }));
    expect(seen.aborts).toBe(1);
  });
});

describe('ChunkReception', () => {
  const refusing = (recipients?: number) =>
    ChunkReception.refusing(smtpError('insufficientStorage'), limits, recipients);

  it('that is refused is over with its chunk', () => {
    const reception = refusing();
    reception.begin(0, false);
    expect(reception).toMatchObject({ isOver: true, replies: 1 });
  });

  it('is over with its last one where recipients have a reply of their own to that', () => {
    const reception = refusing(2);
    reception.begin(0, false);
    expect(reception).toMatchObject({ isOver: false, replies: 1 });
    reception.begin(0, true);
    expect(reception).toMatchObject({ isOver: true, replies: 2 });
  });
});
