import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { diskError } from '../../queue/testing/memory-disk.ts';
import { createMailbox } from './mailbox.ts';
import { openIntake } from './testing/intake.ts';
import { googleReport, gzipped, reportMail } from './testing/reports.ts';

const message = (bytes: Buffer) => ({
  content: { size: bytes.length, bytes, stream: () => Readable.from([bytes]) },
});

describe('a mail to the mailbox for reports', () => {
  it('is delivered, and its report counted', async () => {
    const { intake, clock, counted } = openIntake();
    const reply = await createMailbox(intake, clock).deliver(message(reportMail(gzipped(googleReport()))));
    expect(reply).toEqual({ code: 250, enhanced: '2.0.0', text: 'TLS report taken: it was counted' });
    expect(counted).toContain('received mail counted');
  });

  it.each([
    [
      'that is none',
      Buffer.from('Subject: buy this\r\n\r\nnow\r\n'),
      'the message has no part with a report',
    ],
    [
      'about others',
      reportMail(gzipped(JSON.parse(JSON.stringify(googleReport()).replaceAll('ours.test', 'b.test')))),
      'it is about no domain that asks for reports here',
    ],
    ['that is damaged', reportMail(gzipped(googleReport()).subarray(0, 60)), 'its gzip is damaged'],
  ])('%s is delivered, too: nobody hears of it', async (_what, bytes, why) => {
    const { intake, clock } = openIntake();
    expect(await createMailbox(intake, clock).deliver(message(bytes))).toEqual({
      ...{ code: 250, enhanced: '2.0.0', text: `Discarded by the mailbox for TLS reports: ${why}` },
    });
  });

  it('waits where the volume fails', async () => {
    const { intake, clock, disk } = openIntake();
    disk.inject = (step) => (step.operation === 'create' ? diskError('ENOSPC', step) : undefined);
    const reply = await createMailbox(intake, clock).deliver(message(reportMail(gzipped(googleReport()))));
    expect(reply).toMatchObject({ code: 451, enhanced: '4.3.0' });
    expect(reply.text).toContain('the TLS report could not be kept: ENOSPC');
  });

  it('waits where it can not be read itself', async () => {
    const { intake, clock } = openIntake();
    const stream = () => new Readable({ read: () => {} }).destroy(new Error('EIO'));
    const reply = await createMailbox(intake, clock).deliver({
      content: { size: 5, bytes: undefined, stream },
    });
    expect(reply.code).toBe(451);
  });

  it('is discarded unread while one has waited for its turn for long, and no longer', async () => {
    const { intake, clock, counted } = openIntake();
    const mailbox = createMailbox(intake, clock);
    let go = () => {};
    const costly = intake.take(async () => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return gzipped(googleReport());
    }, 'https');
    const before = mailbox.deliver(message(reportMail(gzipped(googleReport()))));
    await clock.advance(15_001);
    let opened = 0;
    const stream = () => {
      opened += 1;
      return Readable.from(['x']);
    };
    const unread = { size: 5, bytes: undefined, stream };
    expect((await mailbox.deliver({ content: unread })).text).toBe(
      'Discarded by the mailbox for TLS reports: too many reports wait',
    );
    expect(opened).toBe(0);
    expect(counted).toEqual(['received mail unread']);
    go();
    await costly;
    await clock.advance(15_001);
    expect((await before).text).toContain('it has been counted before');
    const after = mailbox.deliver(message(reportMail(gzipped(googleReport({ 'report-id': 'other' })))));
    await clock.advance(15_001);
    expect((await after).text).toBe('TLS report taken: it was counted');
    expect(counted).toContain('received mail counted');
  });

  it('is not discarded where the volume fails, however long others have waited', async () => {
    const { clock } = openIntake();
    let takes = 0;
    const failing = createMailbox(
      {
        skip: expect.fail,
        take: () => {
          takes += 1;
          return takes === 1 ? Promise.reject(new Error('EIO')) : new Promise(() => {});
        },
      },
      clock,
    );
    const { content } = message(Buffer.from('x'));
    expect((await failing.deliver({ content })).code).toBe(451);
    void failing.deliver({ content });
    await clock.advance(60_000);
    void failing.deliver({ content });
    expect(takes).toBe(3);
  });
});
