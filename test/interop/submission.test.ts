/** A user submits with swaks: STARTTLS, implicit TLS and AUTH against a stored verifier, and nothing without them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Listener } from '../../mta/config.ts';
import { listener, relay, scryptVerifier } from '../support/config.ts';
import { describeWith, program } from '../support/debian.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { type Finished, run } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { selfSigned } from '../support/tls.ts';
import { waitFor } from '../support/wait.ts';

const USER = 'anna@example.test';

describeWith(['swaks', 'curl', 'openssl'], 'submission', () => {
  let sink: Sink;
  let mta: Mta;
  let implicitPort: number;

  beforeAll(async () => {
    sink = await startSink();
    implicitPort = await freePort();
    const { certificate, key } = await selfSigned('mx.test');
    mta = await startMta({
      config: (_, ports) => {
        const auth = { offered: true, required: true, allowWithoutTls: false };
        const pair = { certificate: 'Secret/test/tls/tls.crt', key: 'Secret/test/tls/tls.key' };
        const submission: Partial<Listener> = { role: 'submission', relayFrom: [], auth };
        return {
          listeners: [
            listener(ports.smtp, { relayFrom: [] }),
            listener(ports.submission, {
              ...submission,
              name: 'submission',
              tls: { mode: 'starttls', required: true, minVersion: 'TLSv1.2', ...pair },
            }),
            listener(implicitPort, {
              ...submission,
              name: 'submissions',
              tls: { mode: 'implicit', required: true, minVersion: 'TLSv1.2', ...pair },
            }),
          ],
          users: [
            {
              resource: 'MailUser/test/anna',
              username: USER,
              verifier: 'Secret/test/anna/verifier',
              senders: [USER, '*@team.test'],
              limits: {},
            },
          ],
          relays: [relay('outbound', '127.0.0.1', sink.port)],
          secrets: {
            'Secret/test/anna/verifier': scryptVerifier('correct horse'),
            [pair.certificate]: certificate,
            [pair.key]: key,
          },
        };
      },
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await sink?.close();
  });

  const swaks = (to: string, ...more: string[]): Promise<Finished> =>
    run(program('swaks'), ['--server', '127.0.0.1', '--from', USER, '--to', to, ...more]);
  const login = (password = 'correct horse') => ['--auth-user', USER, '--auth-password', password];
  const submission = () => ['--port', String(mta.ports.submission)];
  const arrived = (address: string) =>
    waitFor(`the message to ${address}`, () => sink.messages.find(({ to }) => to.includes(address)));

  it.each(['PLAIN', 'LOGIN'])('takes mail after STARTTLS and AUTH %s', async (mechanism) => {
    const done = await swaks(
      `${mechanism}@far.test`,
      ...submission(),
      '--tls',
      '--auth',
      mechanism,
      ...login(),
    );
    expect(done.stdout + done.stderr).toMatch(/235 /);
    expect(done.code).toBe(0);
    const { content, from } = await arrived(`${mechanism}@far.test`);
    expect(from).toBe(USER);
    expect(content).toMatch(/^Received: .*with ESMTPSA/ms);
  });

  it('takes mail over implicit TLS', async () => {
    const done = await swaks(
      'implicit@far.test',
      '--port',
      String(implicitPort),
      '--tlsc',
      '--auth',
      'PLAIN',
      ...login(),
    );
    expect(done.code).toBe(0);
    await arrived('implicit@far.test');
  });

  it('takes mail from curl', async () => {
    const done = await run(
      program('curl'),
      [
        ...['-sS', '--ssl-reqd', '--insecure', `smtp://127.0.0.1:${mta.ports.submission}`],
        ...['--user', `${USER}:correct horse`, '--mail-from', USER, '--mail-rcpt', 'curl@far.test'],
        ...['--upload-file', '-'],
      ],
      { input: `From: <${USER}>\r\nSubject: submitted\r\n\r\nhello\r\n` },
    );
    expect(done).toMatchObject({ code: 0 });
    await arrived('curl@far.test');
  });

  it('refuses a wrong password with 535', async () => {
    const done = await swaks('no@far.test', ...submission(), '--tls', '--auth', 'PLAIN', ...login('wrong'));
    expect(done.code).not.toBe(0);
    expect(done.stdout).toMatch(/<~\* 535 5\.7\.8 /);
  });

  it('refuses mail without AUTH, and AUTH without TLS', async () => {
    const without = await swaks('no@far.test', ...submission(), '--tls');
    expect(without.stdout).toMatch(/<~\* 530 5\.7\.0 /);
    const clear = await swaks('no@far.test', ...submission(), '--auth', 'PLAIN', ...login());
    expect(clear.code).not.toBe(0);
    expect(clear.stdout).not.toMatch(/ 235 /);
    const mail = await swaks('no@far.test', ...submission());
    expect(mail.stdout).toMatch(/<\*\* 530 5\.7\.0 /);
  });

  it('refuses a sender that the user may not use, and takes one of a pattern', async () => {
    const how = [...submission(), '--tls', '--auth', 'PLAIN', ...login()];
    const other = await swaks('no@far.test', ...how, '--from', 'boss@example.test');
    expect(other.stdout).toMatch(/<~\* 553 5\.7\.1 /);
    const team = await swaks('team@far.test', ...how, '--from', 'bot@team.test');
    expect(team.code).toBe(0);
    expect((await arrived('team@far.test')).from).toBe('bot@team.test');
  });

  it('relays for nobody on the smtp listener', async () => {
    const done = await swaks('no@far.test', '--port', String(mta.ports.smtp));
    expect(done.stdout).toMatch(/<\*\* 550 5\.7\.1 /);
    expect(sink.messages.some(({ to }) => to.includes('no@far.test'))).toBe(false);
  });
});
