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
    const { intake, counted } = openIntake();
    const reply = await createMailbox(intake).deliver(message(reportMail(gzipped(googleReport()))));
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
    const { intake } = openIntake();
    expect(await createMailbox(intake).deliver(message(bytes))).toEqual({
      ...{ code: 250, enhanced: '2.0.0', text: `Discarded by the mailbox for TLS reports: ${why}` },
    });
  });

  it('waits where the volume fails', async () => {
    const { intake, disk } = openIntake();
    disk.inject = (step) => (step.operation === 'create' ? diskError('ENOSPC', step) : undefined);
    const reply = await createMailbox(intake).deliver(message(reportMail(gzipped(googleReport()))));
    expect(reply).toMatchObject({ code: 451, enhanced: '4.3.0' });
    expect(reply.text).toContain('the TLS report could not be kept: ENOSPC');
  });

  it('waits where it can not be read itself', async () => {
    const { intake } = openIntake();
    const stream = () => new Readable({ read: () => {} }).destroy(new Error('EIO'));
    const reply = await createMailbox(intake).deliver({ content: { size: 5, bytes: undefined, stream } });
    expect(reply.code).toBe(451);
  });
});
