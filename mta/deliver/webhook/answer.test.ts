/** What answers mean, over the wire: for all recipients, and for each of them. */
import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../../errors.ts';
import { http, json } from './testing/receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const { outcome } = useReceivers();

const to = ['a@peer.test', 'b@peer.test', 'c@peer.test'];
/** Code, enhanced code and text for each recipient. */
async function said(answer: string, recipients = to) {
  const replies = await outcome({ answer: () => answer }, { to: recipients });
  if (!Array.isArray(replies)) throw replies;
  return replies.map(({ code, enhanced, text }) => `${code} ${enhanced} ${text}`);
}

describe('an answer with a status alone', () => {
  it('is for all recipients', async () => {
    expect(await said(http('204 No Content'))).toEqual(Array(3).fill('250 2.0.0 HTTP 204 No Content'));
    expect(await said(http('410 Gone'))).toEqual(Array(3).fill('550 5.1.1 HTTP 410 Gone'));
  });

  it('is of the webhook, by its origin', async () => {
    const [reply] = (await outcome({ answer: () => http('410 Gone') })) as { remote?: string }[];
    expect(reply?.remote).toMatch(/^http:\/\/peer\.test:\d+$/);
  });

  it.each([
    ['text/plain; charset=utf-8', 'No such\r\n customer\u0007\n', ': No such customer?'],
    ['application/problem+json', '{"title":"x","detail":"no such customer"}', ': no such customer'],
    ['application/json', '{"message":"no such customer"}', ': no such customer'],
    ['application/json', '{"message":7}', ''],
    ['application/json', 'null', ''],
    ['application/json', '{', ''],
    ['text/html', '<h1>no such customer</h1>', ''],
    ['text/plain', 'x'.repeat(2000), `: ${'x'.repeat(299)}…`],
  ])('has its reason from a body of %s: %j', async (type, body, reason) => {
    expect(
      await said(http('422 Unprocessable Content', body, { 'Content-Type': type }), ['a@peer.test']),
    ).toEqual([`554 5.6.0 HTTP 422 Unprocessable Content${reason}`]);
  });

  it('has none from a body in a coding that nobody asked for', async () => {
    const fields = { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' };
    expect(await said(http('422 No', 'packed', fields), ['a@peer.test'])).toEqual(['554 5.6.0 HTTP 422 No']);
  });
});

describe('an endpoint that is away', () => {
  it.each([429, 502, 503, 504])(
    'by %i is one that did not answer, on a connection that lives',
    async (status) => {
      const error = (await outcome({ answer: () => http(`${status} x`) })) as SmtpError;
      expect(error).toMatchObject({
        ...{ code: 421, enhanced: '4.3.2', closes: false, uncertain: false, retryAfter: undefined },
      });
      expect(error.message).toBe(`HTTP ${status} x`);
    },
  );

  it('says when it is back', async () => {
    const answer = () => http('503 Busy', '', { 'Retry-After': '120' });
    expect(await outcome({ answer })).toMatchObject({ retryAfter: 120 });
  });
});

describe('an answer with a document', () => {
  const recipients = [
    { address: 'a@peer.test', status: 'delivered' },
    { index: 1, status: 'deferred', code: '4.2.2', message: 'mailbox is full' },
    { index: 2, address: 'c@peer.test', status: 'bounced', code: '5.1.1', message: 'no\r\nsuch user' },
  ];

  it.each(['200 OK', '207 Multi-Status'])(
    'of %s says of each recipient what became of it',
    async (status) => {
      expect(await said(json(status, { recipients, ticket: 'T1' }))).toEqual([
        `250 2.0.0 HTTP ${status}, delivered`,
        `451 4.2.2 HTTP ${status}, deferred: mailbox is full`,
        `550 5.1.1 HTTP ${status}, bounced: no??such user`,
      ]);
    },
  );

  it('that leaves a recipient out has not taken it', async () => {
    expect(await said(json('207 x', { recipients: recipients.slice(0, 1) }))).toEqual([
      '250 2.0.0 HTTP 207 x, delivered',
      '451 4.5.0 HTTP 207 x, but it says nothing of this recipient',
      '451 4.5.0 HTTP 207 x, but it says nothing of this recipient',
    ]);
  });

  it('names all that have an address, where several do', async () => {
    const twice = ['a@peer.test', 'a@peer.test'];
    expect(
      await said(json('207 x', { recipients: [{ address: 'a@peer.test', status: 'bounced' }] }), twice),
    ).toEqual(Array(2).fill('550 5.0.0 HTTP 207 x, bounced'));
  });

  it('counts only where the status is one of success', async () => {
    expect(await said(json('410 Gone', { recipients }))).toEqual(Array(3).fill('550 5.1.1 HTTP 410 Gone'));
  });

  const entry = (change: object) => ({ recipients: [{ index: 0, status: 'delivered', ...change }] });
  it.each<[string, unknown]>([
    ['recipients.0.status', entry({ status: 'ok' })],
    ['recipients.0.code', entry({ code: '5' })],
    ['recipients.0', entry({ stat: 'x' })],
    ['recipients.0.index', entry({ index: -1 })],
    ['recipients', { recipients: 'all' }],
    ['recipients.0: no recipient of this request', entry({ index: 3 })],
    ['recipients.0: no recipient of this request', entry({ index: undefined, address: 'A@peer.test' })],
    ['recipients.0: no recipient of this request', entry({ index: undefined })],
    ['recipients.0: index and address are not of one recipient', entry({ address: 'b@peer.test' })],
    ['recipients.0: 5.1.1 is not a code of what was delivered', entry({ code: '5.1.1' })],
    [
      'recipients.1: named twice',
      { recipients: [...recipients.slice(0, 1), { index: 0, status: 'bounced' }] },
    ],
  ])('that does not fit has taken nothing, and is told where: %s', async (where, document) => {
    for (const status of ['200 OK', '207 x']) {
      const replies = await said(json(status, document));
      expect(new Set(replies).size).toBe(1);
      expect(replies[0]).toContain(`451 4.5.0 HTTP ${status}, but its body does not fit: ${where}`);
    }
  });

  it.each<[string, string]>([
    ['no JSON', http('207 x', '{"recipients":[]}')],
    ['no JSON', json('207 x', '{"recipients":')],
    ['no JSON', http('207 x', '{}', { 'Content-Type': 'application/json', 'Content-Encoding': 'br' })],
    ['no recipients', json('207 x', { ok: true })],
    ['no recipients', json('207 x', 'null')],
  ])('that 207 promises, and has %s, has taken nothing', async (_what, answer) => {
    for (const reply of await said(answer)) expect(reply).toMatch(/^451 4\.5\.0 HTTP 207 x, but its body /);
  });

  it.each<[string, string]>([
    ['nothing of recipients', json('200 OK', { ok: true })],
    ['nothing', json('200 OK', '')],
    ['half of a document', json('200 OK', '{"recipients":')],
    ['a list', json('200 OK', '[]')],
    ['a page', http('200 OK', '<p>recipients</p>', { 'Content-Type': 'text/html' })],
  ])('that says %s takes the message for all', async (_what, answer) => {
    expect(await said(answer)).toEqual(Array(3).fill('250 2.0.0 HTTP 200 OK'));
  });
});
