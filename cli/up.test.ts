/** `postrider up` as a person uses it: a copy of the quickstart, real processes, a raw socket. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../test/support/folders.ts';
import { ROOT } from '../test/support/mta.ts';
import { freePort } from '../test/support/ports.ts';
import { type Running, run, start } from '../test/support/processes.ts';
import { waitFor } from '../test/support/wait.ts';
import { lives } from './local/lock.ts';

// Whole processes take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const cli = join(ROOT, 'cli/main.ts');

/** Sends what is given line by line, each after the reply to the one before, and resolves with the replies. */
async function dialogue(port: number, ...lines: string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  const replies: string[] = [];
  let left = '';
  try {
    for await (const chunk of socket) {
      left += String(chunk);
      for (let end = left.indexOf('\r\n'); end >= 0; end = left.indexOf('\r\n')) {
        const reply = left.slice(0, end);
        left = left.slice(end + 2);
        if (reply[3] === '-') continue;
        replies.push(reply);
        const next = lines[replies.length - 1];
        if (next === undefined) return replies;
        socket.write(`${next}\r\n`);
      }
    }
    return replies;
  } finally {
    socket.destroy();
  }
}

const message = (to: string) => [
  'EHLO client.test',
  'MAIL FROM:<you@example.com>',
  `RCPT TO:<${to}>`,
  'DATA',
  'Subject: hello\r\n\r\nIt works.\r\n.',
  'QUIT',
];

describe('postrider up', () => {
  const folder = temporaryFolder('up');
  const state = join(folder, 'state');
  const manifests = join(folder, 'manifests');
  let ports: Record<'smtp' | 'submission' | 'control' | 'health' | 'inbox', number>;
  let args: string[];
  let running: Running;

  const output = () => running.output();
  const launch = () => start(process.execPath, [cli, ...args], join(folder, 'output.log'));
  const command = (...words: string[]) => run(process.execPath, [cli, ...words, '--state', state]);
  const edit = (file: string, change: (text: string) => string) => {
    // As editors do: a new file that takes the place of the old one.
    const path = join(manifests, file);
    writeFileSync(`${path}~`, change(readFileSync(path, 'utf8')));
    renameSync(`${path}~`, path);
  };
  const said = (what: string | RegExp, from = 0) =>
    waitFor(`up to say ${what}`, () => {
      if (running.ended() !== undefined) throw new Error(output());
      const text = output().slice(from);
      return typeof what === 'string' ? text.includes(what) && text : what.exec(text)?.[0];
    });

  beforeAll(async () => {
    cpSync(join(ROOT, 'examples/quickstart'), manifests, { recursive: true });
    ports = {
      smtp: await freePort(),
      submission: await freePort(),
      control: await freePort(),
      health: await freePort(),
      inbox: await freePort(),
    };
    const given = Object.entries(ports).flatMap(([name, port]) => ['--port', `${name}=${port}`]);
    args = ['up', manifests, '--state', state, ...given];
    running = launch();
    await said('Ctrl-C stops');
  });
  afterAll(async () => {
    await running?.stop('SIGINT');
  });

  it('says what is accepted, what runs where, and keeps its secrets to itself', () => {
    const text = output().replaceAll(folder, 'F');
    expect(text).toMatch(
      /^ {2}accepted {2}MailDomain\/mail\/example-test +F\/manifests\/domain\.yaml:\d+:1$/m,
    );
    expect(text).toMatch(new RegExp(`^  smtp +127\\.0\\.0\\.1:${ports.smtp} `, 'm'));
    expect(text).toContain('password of demo@example.test in F/state/demo-password');
    for (const file of ['control-token', 'demo-password', 'config.json', 'tls/key.pem', 'mta.log']) {
      expect([file, (statSync(join(state, file)).mode & 0o777).toString(8)]).toEqual([file, '600']);
    }
  });

  it('delivers to the inbox', async () => {
    const replies = await dialogue(ports.smtp, ...message('anna@example.test'));
    expect(replies.at(-2)).toMatch(/^250 /);
    const inbox = join(state, 'inbox', 'anna@example.test', 'new');
    const [name] = await waitFor('the message', () => {
      const names = readdirSync(inbox);
      return names.length > 0 && names;
    });
    expect(readFileSync(join(inbox, name!), 'latin1')).toMatch(
      /^Return-Path: <you@example\.com>\r\nDelivered-To: anna@example\.test\r\nReceived: [\s\S]*\r\n\r\nIt works\.\r\n$/,
    );
  });

  it('shows and changes the queue', async () => {
    await dialogue(ports.smtp, ...message('far@elsewhere.test'));
    const listed = await waitFor('the deferred message', async () => {
      const { stdout } = await command('list', '--to', 'far@elsewhere.test', '-o', 'json');
      const [first] = JSON.parse(stdout) as { id: string; recipients: { state: string }[] }[];
      return first?.recipients[0]?.state === 'deferred' && first;
    });
    expect((await command('queue')).stdout).toContain('relay:mail/outbound');
    expect((await command('show', listed.id, '--content')).stdout).toContain('\r\n\r\nIt works.\r\n');
    expect(await command('hold', listed.id)).toMatchObject({ code: 0, stdout: '1 message held\n' });
    expect((await command('show', listed.id)).stdout).toContain('held');
    expect((await command('release', '--held')).code).toBe(0);
    expect(await command('remove', listed.id)).toMatchObject({ code: 0, stdout: '1 message removed\n' });
    expect(await command('show', listed.id)).toMatchObject({ code: 1 });
    await waitFor('the record of the removal', async () =>
      (await command('history', '--id', listed.id)).stdout.includes('removed'),
    );
    expect((await command('remove')).code).toBe(2);
  });

  it('follows an edit, without losing a session', async () => {
    const before = output().length;
    expect((await dialogue(ports.smtp, ...message('anna@second.test').slice(0, 3))).at(-1)).toMatch(/^250 /);
    edit('relay.yaml', (text) => text.replace(/recipientDomains: .*/, 'recipientDomains: ["only.test"]'));
    edit('domain.yaml', (text) => text.replace('mode: Any', 'mode: List\n    list: [anna]'));
    await said(/revision \d+ is loaded/, before);
    expect((await dialogue(ports.smtp, ...message('anna@example.test').slice(0, 3))).at(-1)).toMatch(/^250 /);
    expect((await dialogue(ports.smtp, ...message('nobody@example.test').slice(0, 3))).at(-1)).toMatch(
      /^550 5\.1\.1/,
    );
    expect((await command('config')).stdout).toMatch(/^revision 2 is loaded/);
  });

  it('keeps what runs while a resource breaks its schema, and says where', async () => {
    const before = output().length;
    edit('user.yaml', (text) => text.replace('username:', 'usrname:'));
    const text = await said(/wrong +MailUser[\s\S]*stays: MailUser\/mail\/demo is not valid/, before);
    expect(text.replaceAll(folder, 'F')).toMatch(
      /F\/manifests\/user\.yaml:\d+:\d+ {2}spec\.usrname: Invalid: /,
    );
    edit('user.yaml', (text) => text.replace('usrname:', 'username:'));
    await said('nothing new for the mta', before);
  });

  it('loads the rest where a resource names what is missing, and says where', async () => {
    const before = output().length;
    edit('user.yaml', (text) => text.replace('generate: true', 'secretRef: {name: none}'));
    const text = await said(/wrong +MailUser[\s\S]*is loaded/, before);
    expect(text).toMatch(/user\.yaml:\d+:\d+ {2}spec\.password: SecretNotFound: /);
    const after = output().length;
    edit('user.yaml', (text) => text.replace('secretRef: {name: none}', 'generate: true'));
    await said('is loaded', after);
  });

  it('keeps what runs while a file cannot be read, and takes it up again after', async () => {
    const before = output().length;
    const good = readFileSync(join(manifests, 'domain.yaml'), 'utf8');
    edit('domain.yaml', (text) => `${text}\n  broken: [\n`);
    await said('stays: a file cannot be read', before);
    expect(output().slice(before)).toMatch(/domain\.yaml:\d+:\d+ {2}InvalidYAML: /);
    expect((await dialogue(ports.smtp, ...message('anna@example.test').slice(0, 3))).at(-1)).toMatch(/^250 /);
    edit('domain.yaml', () => good);
    await said('nothing new for the mta', before);
  });

  it('refuses a second one on its state folder, and on its ports', async () => {
    const second = await run(process.execPath, [cli, ...args]);
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toContain(`postrider up (pid ${running.pid}) is running on this state folder`);
    const elsewhere = await run(process.execPath, [
      cli,
      ...args.map((arg) => (arg === state ? `${state}2` : arg)),
    ]);
    expect(elsewhere).toMatchObject({ code: 1 });
    expect(elsewhere.stderr).toContain(`127.0.0.1:${ports.smtp} for smtp is in use`);
    expect(elsewhere.stderr).toContain('--port smtp=NUMBER');
  });

  it('starts the mta again when it dies, and says so', async () => {
    const before = output().length;
    const { mta } = JSON.parse(readFileSync(join(state, 'up.lock'), 'utf8')) as { mta: { pid: number } };
    process.kill(mta.pid, 'SIGKILL');
    await said('the mta has died (SIGKILL) and starts again in 1 s', before);
    await waitFor(
      'the mta to be back',
      async () => (await fetch(`http://127.0.0.1:${ports.health}/readyz`)).ok,
    );
  });

  it('stops in order, leaving nothing behind, and comes back with what it had', async () => {
    await running.stop('SIGTERM');
    expect(running.ended()).toBe(0);
    expect(existsSync(join(state, 'up.lock'))).toBe(false);
    const port = createServer();
    await new Promise<void>((resolve, reject) => {
      port.once('error', reject);
      port.listen(ports.smtp, '127.0.0.1', resolve);
    });
    await new Promise<void>((resolve) => port.close(() => resolve()));

    writeFileSync(join(state, 'demo-password'), '\n');
    expect(await run(process.execPath, [cli, ...args])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('demo-password is empty'),
    });
    writeFileSync(join(state, 'demo-password'), 'my own\n');
    const before = output().length;
    running = launch();
    await said('Ctrl-C stops', before);
    expect(readFileSync(join(state, 'demo-password'), 'utf8')).toBe('my own\n');
    const plain = Buffer.from('\0demo@example.test\0my own').toString('base64');
    expect(
      (await dialogue(ports.submission, 'EHLO client.test', `AUTH PLAIN ${plain}`, 'QUIT')).at(2),
    ).toMatch(/^235 /);
  });

  it('ends the mta of a run that was killed', async () => {
    const { mta } = JSON.parse(readFileSync(join(state, 'up.lock'), 'utf8')) as { mta: { pid: number } };
    const before = output().length;
    await running.kill9();
    process.kill(mta.pid, 0);
    running = launch();
    await said('Ctrl-C stops', before);
    expect(output().slice(before)).toContain(
      `an earlier run left its mta behind (pid ${mta.pid}): stopping it`,
    );
    expect(lives(mta)).toBe(false);
  });

  it('ends at once when it is told twice', async () => {
    const { mta } = JSON.parse(readFileSync(join(state, 'up.lock'), 'utf8')) as { mta: { pid: number } };
    const before = output().length;
    process.kill(mta.pid, 'SIGSTOP');
    process.kill(running.pid, 'SIGINT');
    await said('stopping', before);
    process.kill(running.pid, 'SIGINT');
    await waitFor('the end', () => running.ended() !== undefined);
    expect(running.ended()).toBe(0);
    expect(() => process.kill(mta.pid, 0)).toThrow('ESRCH');
  });
});
