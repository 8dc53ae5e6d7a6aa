import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { folderFor } from './maildir.ts';
import { type Inbox, startInbox } from './server.ts';
import type { InboxEvent } from './session.ts';

let root: string;
let inbox: Inbox;
let events: InboxEvent[];
const sockets: Socket[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'inbox-'));
  events = [];
  inbox = await startInbox({ root, port: 0, onEvent: (event) => events.push(event) });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await inbox.close();
  await rm(root, { recursive: true, force: true });
});

/** Sends all of `lines` at once and resolves with the reply lines when the server closes. */
function dialogue(...lines: string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(inbox.port, '127.0.0.1');
    sockets.push(socket);
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(said.split('\r\n').slice(1, -1)));
    socket.write(lines.map((line) => `${line}\r\n`).join(''));
  });
}

const codes = (replies: string[]) =>
  replies.filter((line) => line[3] === ' ').map((line) => line.slice(0, 3));
const filed = async (address: string) => {
  const folder = join(root, folderFor(address), 'new');
  const names = await readdir(folder).catch(() => []);
  return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
};

describe('the inbox', () => {
  it('files a message for each recipient, with the headers of final delivery', async () => {
    const replies = await dialogue(
      'LHLO test',
      'MAIL FROM:<me@example.com> SIZE=10 BODY=8BITMIME',
      'RCPT TO:<anna@Example.TEST>',
      'RCPT TO:<ben@example.test>',
      'DATA',
      'Subject: hello',
      '',
      '..dot',
      '.',
      'QUIT',
    );
    expect(codes(replies)).toEqual(['250', '250', '250', '250', '354', '250', '250', '221']);
    expect(await filed('anna@example.test')).toEqual([
      'Return-Path: <me@example.com>\r\nDelivered-To: anna@Example.TEST\r\nSubject: hello\r\n\r\n.dot\r\n',
    ]);
    expect(await filed('ben@example.test')).toHaveLength(1);
    expect(await readdir(join(root, 'ben@example.test', 'tmp'))).toEqual([]);
    expect(await readdir(join(root, '.spool'))).toEqual([]);
    expect(events.map(({ to, file }) => [to, file?.startsWith(root)])).toEqual([
      ['anna@Example.TEST', true],
      ['ben@example.test', true],
    ]);
  });

  it('answers each recipient for itself after the final dot', async () => {
    const replies = await dialogue(
      'LHLO test',
      'MAIL FROM:<>',
      'RCPT TO:<data-450@example.test>',
      'RCPT TO:<anna@example.test>',
      'RCPT TO:<data-552@example.test>',
      'DATA',
      '.',
      'QUIT',
    );
    expect(codes(replies).slice(5)).toEqual(['354', '450', '250', '552', '221']);
    expect(await filed('anna@example.test')).toHaveLength(1);
    expect(await filed('data-450@example.test')).toEqual([]);
  });

  it('refuses failure-coded recipients at RCPT, and DATA when none is left', async () => {
    const replies = await dialogue(
      'LHLO test',
      'MAIL FROM:<>',
      'RCPT TO:<450@example.test>',
      'RCPT TO:<550@example.test>',
      'DATA',
      'QUIT',
    );
    expect(replies).toContain('450 4.2.0 Mailbox temporarily unavailable (as its name asks)');
    expect(codes(replies).slice(2)).toEqual(['450', '550', '503', '221']);
  });

  it('accepts after as many refusals as the name says, and begins again then', async () => {
    const attempts = Array.from({ length: 3 }, () => [
      'MAIL FROM:<>',
      'RCPT TO:<451-1@example.test>',
      'RSET',
    ]).flat();
    const replies = await dialogue('LHLO test', ...attempts, 'QUIT');
    expect(codes(replies).filter((_, i) => i % 3 === 2)).toEqual(['451', '250', '451']);
  });

  it('closes the connection for 421', async () => {
    const replies = await dialogue('LHLO test', 'MAIL FROM:<>', 'RCPT TO:<421@example.test>', 'NOOP');
    expect(codes(replies)).toEqual(['250', '250', '421']);
  });

  it('never answers timeout, and lets go when the client does', async () => {
    const socket = connect(inbox.port, '127.0.0.1');
    sockets.push(socket);
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
    socket.write('LHLO test\r\nMAIL FROM:<>\r\nRCPT TO:<timeout@example.test>\r\nNOOP\r\n');
    await expect.poll(() => events).toHaveLength(1);
    expect(said).not.toMatch(/2\.1\.5|2\.0\.0/);
    socket.destroy();
  });

  it.each([
    ['EHLO test', '500'],
    ['HELO test', '500'],
    ['LHLO', '501'],
    ['MAIL FROM:<a@b>', '503'],
    ['DATA', '503'],
    ['BDAT 3 LAST', '500'],
  ])('answers %s before LHLO with %s', async (line, code) => {
    expect(codes(await dialogue(line, 'QUIT'))[0]).toBe(code);
  });

  it.each([
    ['MAIL FROM:a@b', '501'],
    ['MAIL FROM: <a@b>', '501'],
    ['MAIL FROM:<a@b> RET=FULL', '555'],
    ['MAIL FROM:<"a> b"@c> SMTPUTF8', '250'],
    ['MAIL FROM:<@x:a@b>', '501'],
    [`NOOP ${'x'.repeat(3000)}`, '500'],
    ['NOOP \0', '500'],
    ['NOOP \r', '500'],
  ])('answers %j with %s', async (line, code) => {
    expect(codes(await dialogue('LHLO test', line, 'QUIT'))[1]).toBe(code);
  });

  it('keeps nothing of a message whose sender goes away before the final dot', async () => {
    const socket = connect(inbox.port, '127.0.0.1');
    sockets.push(socket);
    const said = new Promise<void>((resolve) => {
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk.toString();
        if (all.includes('354')) resolve();
      });
    });
    socket.write('LHLO test\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\nhalf');
    await said;
    await expect.poll(() => readdir(join(root, '.spool'))).toHaveLength(1);
    socket.end();
    await expect.poll(() => readdir(join(root, '.spool'))).toEqual([]);
    expect(await filed('anna@example.test')).toEqual([]);
  });

  it('answers 451 for a recipient whose folder it cannot write', async () => {
    await writeFile(join(root, 'anna@example.test'), 'in the way');
    const replies = await dialogue(
      'LHLO test',
      'MAIL FROM:<>',
      'RCPT TO:<anna@example.test>',
      'RCPT TO:<ben@example.test>',
      'DATA',
      'x',
      '.',
      'QUIT',
    );
    expect(codes(replies).slice(5)).toEqual(['451', '250', '221']);
  });

  it('takes no content that another server could see a second message in', async () => {
    const replies = await dialogue(
      'LHLO test',
      'MAIL FROM:<>',
      'RCPT TO:<anna@example.test>',
      'DATA',
      'x\n.\nMAIL FROM:<other@example.test>',
      '.',
    );
    expect(codes(replies).slice(3)).toEqual(['354', '521']);
    expect(await filed('anna@example.test')).toEqual([]);
  });

  it('says which port is taken', async () => {
    await expect(startInbox({ root, port: inbox.port, onEvent: () => undefined })).rejects.toMatchObject({
      code: 'PortInUse',
      message: expect.stringContaining(`127.0.0.1:${inbox.port} for inbox`),
    });
  });
});

describe('folder names', () => {
  it.each([
    ['anna@example.test', 'anna@example.test'],
    ['Anna+x@EXAMPLE.test', 'Anna+x@example.test'],
    ['../../etc@x.test', '%2E.%2F..%2Fetc@x.test'],
    ['"a/b c"@x.test', '%22a%2Fb%20c%22@x.test'],
    ['münchen@x.test', 'münchen@x.test'],
    ['a%2Fb@x.test', 'a%252Fb@x.test'],
    ['..', '%2E.'],
  ])('%s', (address, folder) => {
    expect(folderFor(address)).toBe(folder);
  });

  it('stay within what a file system takes, and apart', () => {
    const [one, two] = ['1', '2'].map((end) => folderFor(`${'ü'.repeat(200)}${end}@x.test`));
    expect(Buffer.byteLength(one!)).toBeLessThanOrEqual(200);
    expect(one).not.toBe(two);
  });
});
