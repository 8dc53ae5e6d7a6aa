/** What `npm start` runs, with ports of the test: a newcomer sees mail arrive, be relayed, be retried, and bounce. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, program } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { ROOT } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Running, run, runOk, start } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { waitFor } from '../support/wait.ts';

describeWith(['curl', 'swaks', 'smtp-source'], 'the quickstart', () => {
  const folder = temporaryFolder('quickstart');
  const state = join(folder, 'state');
  const manifests = join(folder, 'manifests');
  let ports: { smtp: number; submission: number; control: number; health: number; inbox: number };
  let smartHost: Sink;
  let running: Running;

  beforeAll(async () => {
    smartHost = await startSink();
    cpSync(join(ROOT, 'examples/quickstart'), manifests, { recursive: true });
    const relay = join(manifests, 'relay.yaml');
    writeFileSync(relay, readFileSync(relay, 'utf8').replace('port: 2600', `port: ${smartHost.port}`));
    ports = {
      smtp: await freePort(),
      submission: await freePort(),
      control: await freePort(),
      health: await freePort(),
      inbox: await freePort(),
    };
    const given = Object.entries(ports).flatMap(([name, port]) => ['--port', `${name}=${port}`]);
    running = start(
      process.execPath,
      [join(ROOT, 'cli/main.ts'), 'up', manifests, '--state', state, ...given],
      join(folder, 'output.log'),
    );
    await waitFor('the quickstart to be ready', async () => {
      if (running.ended() !== undefined) throw new Error(running.output());
      return (await fetch(`http://127.0.0.1:${ports.health}/readyz`)).ok;
    });
  });
  afterAll(async () => {
    await running?.stop('SIGINT');
    await smartHost?.close();
  });

  const inbox = (address: string): string[] => {
    const at = join(state, 'inbox', address, 'new');
    return readdirSync(at).map((name) => readFileSync(join(at, name), 'latin1'));
  };
  const arrived = (address: string, count = 1) =>
    waitFor(`${count} messages for ${address}`, () => inbox(address).length >= count && inbox(address), {
      timeoutMs: 60_000,
    });

  it('says where everything is, and its command line for the first message works', async () => {
    const command = await waitFor('the banner', () => /^ +(printf .*curl .*)$/m.exec(running.output())?.[1]);
    expect(command).toContain(`smtp://127.0.0.1:${ports.smtp}`);
    await runOk('sh', ['-c', command]);
    const to = /--mail-rcpt (\S+)/.exec(command)?.[1] ?? '';
    expect((await arrived(to))[0]).toContain('Subject: ');
  });

  it('files mail from swaks and smtp-source in the inbox', async () => {
    await runOk(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(ports.smtp), '--from', 'you@example.com'],
      ...['--to', 'bert@example.test'],
    ]);
    await arrived('bert@example.test');
    await runOk(program('smtp-source'), [
      ...['-m', '20', '-s', '4', '-f', 'you@example.com', '-t', 'carl@example.test'],
      `127.0.0.1:${ports.smtp}`,
    ]);
    expect(await arrived('carl@example.test', 20)).toHaveLength(20);
  });

  it('takes mail of the demo user and relays it to the smart host', async () => {
    const password = readFileSync(join(state, 'demo-password'), 'utf8').trim();
    const done = await run(program('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(ports.submission), '--tls', '--auth', 'PLAIN'],
      ...['--auth-user', 'demo@example.test', '--auth-password', password],
      ...['--from', 'demo@example.test', '--to', 'far@elsewhere.test'],
    ]);
    expect(done).toMatchObject({ code: 0 });
    await waitFor('the message at the smart host', () =>
      smartHost.messages.find(({ to }) => to.includes('far@elsewhere.test')),
    );
  });

  it('retries what is put off, and bounces what is refused', async () => {
    for (const to of ['450-1@example.test', '550@example.test']) {
      await runOk(program('swaks'), [
        ...['--server', '127.0.0.1', '--port', String(ports.smtp), '--from', 'dora@example.test', '--to', to],
      ]);
    }
    const [bounce] = await arrived('dora@example.test');
    expect(bounce).toMatch(/^Final-Recipient: rfc822; ?550@example\.test/im);
    await arrived('450-1@example.test');
  });
});
