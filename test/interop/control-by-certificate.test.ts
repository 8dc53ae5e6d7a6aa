/** What an operator does with a pod over its control port, as processes. */
import { afterEach, beforeAll, expect, it } from 'vitest';
import { type Authority, certificateAuthority } from '../support/authority.ts';
import { askByCertificate } from '../support/control-by-certificate.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const MEMBER = 'mta-0.test.test.members.postrider.internal';
let authority: Authority;
let mta: Mta | undefined;

beforeAll(async () => {
  authority = await certificateAuthority();
});
afterEach(async () => mta?.stop());

it('a config that an operator pushes is loaded by every worker, and no session ends', async () => {
  const identity = await authority.issue(MEMBER);
  mta = await startMta({
    args: ['--name', 'mta-0', '--identity', identity],
    config: (_folder, { control }) => ({
      control: { access: 'certificate', address: '127.0.0.1', port: control },
    }),
  });
  const { config, ports } = mta;
  const operator = await authority.issue('operator.test.test.operators.postrider.internal');
  const ask = (method: string, path: string, body?: unknown) =>
    askByCertificate({ port: ports.control, member: MEMBER, identity: operator }, method, path, body);

  const { client } = await SmtpClient.connect(ports.smtp);
  await client.command('EHLO client.test');
  for (let revision = 2; revision <= 4; revision += 1) {
    const pushed = await ask('PUT', '/v1/config', { ...config, revision });
    expect(pushed).toMatchObject({ status: 200, body: { revision } });
    expect((await client.command('NOOP')).code).toBe(250);
  }
  const refused = await ask('PUT', '/v1/config', { ...config, revision: 5, listeners: 'none' });
  expect(refused).toMatchObject({ status: 422, body: { code: 'ConfigInvalid' } });
  expect(await ask('GET', '/v1/config')).toMatchObject({ body: { revision: 4, refused: { revision: 5 } } });
  expect((await client.command('NOOP')).code).toBe(250);
  expect(await ask('GET', '/v1/queue/totals')).toMatchObject({
    status: 200,
    body: { messages: 0, damaged: 0, full: false, recipients: { deferred: 0 }, isPartial: false },
  });
  client.close();
});

it('a pod without an identity does not start, and says what it lacks', async () => {
  mta = await startMta({
    wait: false,
    config: (_folder, { control }) => ({
      control: { access: 'certificate', address: '127.0.0.1', port: control },
    }),
  });
  const { running } = mta;
  expect(await waitFor('its end', () => running.ended())).toBe(78);
  expect(running.output()).toContain('the control port goes by certificate, and this member has none');
});
