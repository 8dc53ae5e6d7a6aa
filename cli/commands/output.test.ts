import { describe, expect, it } from 'vitest';
import { statusLines } from './config.ts';
import { instant, recordLines } from './history.ts';
import { messageLines } from './list.ts';
import { summaryLines } from './queue.ts';
import { selectionOf } from './selection.ts';
import { detailLines } from './show.ts';
import { countText, durationText, sizeText, table } from './table.ts';

const now = Date.parse('2026-11-22T12:00:00Z');
const message = {
  id: 'lane-1',
  from: '',
  size: 2048,
  arrivedAt: '2026-11-22T11:00:00.000Z',
  recipients: [
    {
      address: 'x@example.test',
      state: 'deferred' as const,
      destination: 'domain:example.test',
      attempts: 2,
      nextAttemptAt: '2026-11-22T12:01:30.000Z',
      lastReply: '450 4.2.0 \u001b]0;full',
    },
  ],
};

describe('what the queue commands print', () => {
  it('queue', () => {
    const recipients = { due: 0, active: 1, deferred: 2, held: 0 };
    const counts = {
      messages: 2,
      bytes: 3 * 1024 * 1024,
      oldestSeconds: 90_061,
      lanes: 1,
      damaged: 1,
      full: true,
    };
    const destination = { destination: 'mx:a.test', messages: 2, active: 1, deferred: 2 };
    expect(
      summaryLines(
        {
          ...counts,
          recipients,
          destinations: [{ ...destination, backOffUntil: '2026-11-22T12:00:05Z', lastReply: '421 no' }],
        },
        now,
      ),
    ).toEqual([
      '2 messages, 3.0 MiB, the oldest for 1d 1h; recipients: 1 active, 2 deferred',
      'The volume is full: new mail is answered 452 4.3.1.',
      '1 damaged group of records kept aside: see the log.',
      '',
      'DESTINATION  MESSAGES  ACTIVE  DEFERRED  NEXT PROBE  LAST REPLY',
      'mx:a.test    2         1       2         in 5s       421 no',
    ]);
  });

  it('list', () => {
    expect(messageLines([message], now)).toEqual([
      'ID      AGE  SIZE     FROM  TO              STATE     ATTEMPTS  NEXT       LAST REPLY',
      'lane-1  1h   2.0 KiB  <>    x@example.test  deferred  2         in 1m 30s  450 4.2.0 ?]0;full',
    ]);
    expect(messageLines([], now)).toEqual(['No messages.']);
  });

  it('show', () => {
    expect(detailLines({ ...message, user: 'demo' })).toEqual([
      'id       lane-1',
      'from     <>',
      'size     2.0 KiB',
      'arrived  2026-11-22T11:00:00.000Z',
      'user     demo',
      'to       <x@example.test>',
      '         deferred, 2 attempts, by domain:example.test',
      '         next attempt 2026-11-22T12:01:30.000Z',
      '         last reply: 450 4.2.0 ?]0;full',
    ]);
  });

  it('history and config', () => {
    const record = { time: 'T', id: 'i', from: 'a@b', to: 'c@d', outcome: 'bounced' as const };
    expect(recordLines([{ ...record, reply: '550 no', delayMs: 1500, attempts: 1 }])[1]).toBe(
      'T     i   a@b   c@d  bounced            2s     550 no',
    );
    expect(
      statusLines({
        revision: 3,
        resources: { 'MTA/mail/a': 1 },
        reads: [1],
        refused: { revision: 4, reason: 'bad', at: 'T' },
      }),
    ).toEqual(['revision 3 is loaded', '  MTA/mail/a', 'revision 4 was refused at T: bad']);
  });
});

describe('cells', () => {
  it('count', () =>
    expect([0, 1, 2].map((count) => countText(count, 'day'))).toEqual(['0 days', '1 day', '2 days']));

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [5 * 1024 ** 5, '5120.0 TiB'],
  ])('%d bytes', (bytes, text) => expect(sizeText(bytes)).toBe(text));

  it.each([
    [0, '0s'],
    [-5, '0s'],
    [59.6, '1m'],
    [3605, '1h'],
    [93_784, '1d 2h'],
  ])('%d seconds', (seconds, text) => expect(durationText(seconds)).toBe(text));

  it('have no trailing space', () => expect(table(['A', 'B'], [['long', '']])).toEqual(['A     B', 'long']));
});

describe('a time', () => {
  it.each([
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2026-11-22T08:00:00Z', '2026-11-22T08:00:00.000Z'],
    ['2026-11-22T08:00+01:00', '2026-11-22T07:00:00.000Z'],
  ])('%s', (text, time) => expect(instant(text)).toBe(time));

  it.each(['yesterday', '2026-11-22T08:00:00', '2026-13-01', ''])('is not %j', (text) =>
    expect(() => instant(text)).toThrow('Write 2026-11-22'),
  );
});

describe('what an action is for', () => {
  it('is said in exactly one way', () => {
    expect(selectionOf(['a', 'b'], {})).toEqual({ ids: ['a', 'b'] });
    expect(selectionOf([], { to: 'x@y' })).toEqual({ to: 'x@y' });
    expect(selectionOf([], { all: true })).toEqual({ all: true });
    for (const [ids, options] of [
      [[], {}],
      [['a'], { all: true as const }],
      [['a'], { to: 'x@y' }],
      [[], { all: true as const, held: true as const }],
    ] as const) {
      expect(() => selectionOf(ids, options)).toThrow('Name messages by');
    }
  });
});
