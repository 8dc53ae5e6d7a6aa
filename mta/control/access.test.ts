import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Authority, certificateAuthority } from '../../test/support/authority.ts';
import { type AskOptions, askByCertificate } from '../../test/support/control-by-certificate.ts';
import { memberHost, operatorHost } from '../fleet/hosts.ts';
import { readIdentity } from '../fleet/identity.ts';
import { KeptIdentity } from '../fleet/kept-identity.ts';
import { TestClock } from '../testing/test-clock.ts';
import { createControlServer } from './control.ts';
import type { HttpServer } from './http.ts';
import type { ControlBackend } from './types.ts';

const fleet = { namespace: 'mail', name: 'mta' };
const backend = { config: () => ({ revision: 4, resources: {} }) } as unknown as ControlBackend;

let authority: Authority;
let folder: string;
let clock: TestClock;
let server: HttpServer;
let asking: Omit<AskOptions, 'identity'>;

beforeEach(async () => {
  authority = await certificateAuthority();
  folder = await authority.issue(memberHost('mta-0', fleet));
  clock = new TestClock();
  const identity = new KeptIdentity(() => readIdentity(folder, 'mta-0', fleet), {
    clock,
    logger: pino({ enabled: false }),
  });
  server = createControlServer(backend, { access: { by: 'certificate', identity, fleet } });
  const { port } = await server.listen('127.0.0.1', 0);
  asking = { port, member: memberHost('mta-0', fleet) };
});
afterEach(() => server.close());

const ask = (identity: string, more: Partial<AskOptions> = {}) =>
  askByCertificate({ ...asking, identity, ...more }, 'GET', '/v1/config');

const anOperator = () => authority.issue(operatorHost('operator', fleet));

describe('a control port that goes by certificate', () => {
  it('answers an operator of the fleet', async () => {
    expect(await ask(await anOperator())).toEqual({ status: 200, body: { revision: 4, resources: {} } });
  });

  it.each([
    ['a member of the fleet', memberHost('mta-1', fleet)],
    ['the operator of another fleet', operatorHost('operator', { namespace: 'mail', name: 'other' })],
    ['the operator of a fleet in another namespace', operatorHost('operator', { ...fleet, namespace: 'x' })],
    ['whoever has any certificate of the authority', 'localhost'],
  ])('refuses %s', async (_who, name) => {
    const { status, body } = await ask(await authority.issue(name));
    expect(status).toBe(403);
    expect(body).toMatchObject({ code: 'MemberRefused' });
  });

  it('speaks with nobody who has no certificate, or one of another authority', async () => {
    await expect(ask(await anOperator(), { anonymous: true })).rejects.toThrow();
    const stranger = await (await certificateAuthority('another')).issue(operatorHost('operator', fleet));
    copyFileSync(join(await anOperator(), 'ca.crt'), join(stranger, 'ca.crt'));
    await expect(ask(stranger)).rejects.toThrow();
  });

  it('shows the certificate that was renewed, and trusts its authority alone', async () => {
    const before = await anOperator();
    authority = await certificateAuthority('the next one');
    const renewed = await authority.issue(memberHost('mta-0', fleet));
    for (const name of ['tls.crt', 'tls.key', 'ca.crt'])
      copyFileSync(join(renewed, name), join(folder, name));
    await clock.advance(60_000);
    expect((await ask(await anOperator())).status).toBe(200);
    await expect(ask(before)).rejects.toThrow();
  });
});
