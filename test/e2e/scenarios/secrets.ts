/** A certificate and a password are replaced, and nothing is restarted. */
import { expect, it } from 'vitest';
import { program } from '../../support/debian.ts';
import { run, runOk } from '../../support/processes.ts';
import { SmtpClient } from '../../support/smtp-client.ts';
import { selfSigned } from '../../support/tls.ts';
import { waitFor } from '../../support/wait.ts';
import { certificateSecret, HOSTNAME, passwordSecret, USERNAME } from '../fleet.ts';
import { podsReady, type World } from '../world.ts';

const WITHIN_MS = 10_000;

export function secretsChange(world: () => World): void {
  /** Certificate that a pod shows. */
  async function shown(host: string): Promise<string> {
    const where = ['-connect', `${host}:2587`, '-starttls', 'smtp', '-servername', HOSTNAME];
    const told = await runOk(program('openssl'), ['s_client', ...where], { input: 'QUIT\r\n' });
    return /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(told)?.[0] ?? '';
  }

  /** Whether the user may submit with it: by the exit code of swaks. */
  async function isTaken(host: string, password: string): Promise<boolean> {
    const { code, stdout } = await run(program('swaks'), [
      ...['--server', host, '--port', '2587', '--tls', '--auth', 'PLAIN', '--auth-user', USERNAME],
      ...['--auth-password', password, '--from', USERNAME, '--to', 'bob@local.test', '--quit-after', 'RCPT'],
    ]);
    if (code !== 0 && !stdout.includes('535 5.7.8')) throw new Error(stdout);
    return code === 0;
  }

  const hosts = async (): Promise<string[]> =>
    (await podsReady(world().cluster)).map(({ status }) => status.podIP!);

  it('a new certificate is shown by every pod, and sessions go on', async () => {
    const addresses = await hosts();
    const sessions = await Promise.all(addresses.map((host) => SmtpClient.connect(2525, host)));
    for (const { client } of sessions) await client.command('EHLO client.test');
    const next = await selfSigned(HOSTNAME);
    for (const host of addresses) expect(await shown(host)).not.toBe(next.certificate.trim());
    await world().cluster.apply([certificateSecret(next)]);
    for (const host of addresses) {
      await waitFor(`${host} to show it`, async () => (await shown(host)) === next.certificate.trim(), {
        timeoutMs: WITHIN_MS,
        everyMs: 200,
      });
    }
    for (const { client } of sessions) {
      expect((await client.command('NOOP')).code).toBe(250);
      client.close();
    }
  });

  it('a new password is taken by every pod, and the one before it is not', async () => {
    const addresses = await hosts();
    for (const host of addresses) expect(await isTaken(host, 'first password')).toBe(true);
    await world().cluster.apply([passwordSecret('second password')]);
    for (const host of addresses) {
      await waitFor(`${host} to take it`, () => isTaken(host, 'second password'), {
        timeoutMs: WITHIN_MS,
        everyMs: 200,
      });
      expect(await isTaken(host, 'first password')).toBe(false);
    }
  });
}
