/** RFC 8461 §4 and §5: what becomes of mail for a domain with a policy, with each kind of mail host. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Peer, Script } from '../../mta/deliver/testing/peer.ts';
import { waitFor } from '../support/wait.ts';
import { type Identity, identityOf, type Kind, trust } from './mta-sts/certificates.ts';
import { type PolicyHost, startPolicyHost, text } from './mta-sts/policy-host.ts';
import { MAIL_HOSTS, type MailHostCase } from './mta-sts/table.ts';
import {
  DOMAIN,
  POLICY_HOST,
  policyText,
  record,
  type StsOptions,
  type StsWorld,
  startStsWorld,
  stopStsWorlds,
} from './mta-sts/world.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';

beforeAll(trust);

const started: PolicyHost[] = [];
afterEach(async () => {
  await stopRelays();
  await Promise.all(started.splice(0).map((each) => each.close()));
  await stopStsWorlds();
});

const identity = (index: number, shows: Kind = 'good'): Identity =>
  identityOf(`mx${index + 1}.${DOMAIN}`, shows);

interface Scene extends StsWorld {
  readonly relay: Relay;
  readonly policyHost: PolicyHost;
  /** `testing validation-failure`, of each session. */
  readonly told: string[];
  attempt(): Promise<Relay['attempted'][number]>;
}

/** @param again seconds after which mail that waits is tried again: not while the test runs, where absent */
async function scene(
  policy: string,
  hosts: readonly Script[],
  { again = 3600, ...options }: StsOptions & { readonly again?: number } = {},
): Promise<Scene> {
  const world = await startStsWorld({ hosts, ...options });
  const policyHost = await startPolicyHost(
    { address: POLICY_HOST, port: world.policyPort },
    identityOf(`mta-sts.${DOMAIN}`, 'good'),
  );
  policyHost.answer = text(policy);
  started.push(policyHost);
  const told: string[] = [];
  const relay = await startRelay({
    hops: world.hops,
    delivery: { retry: { initialSeconds: again, factor: 1, maxSeconds: again, jitter: 0 } },
    world: { onStsFailure: ({ mode }, host, { fault }) => void told.push(`${mode} ${fault} ${host}`) },
  });
  return Object.assign(world, {
    ...{ relay, policyHost, told },
    async attempt() {
      const before = relay.attempted.length;
      await relay.accept({ to: [`bob@${DOMAIN}`] });
      return waitFor('an attempt', () => relay.attempted[before]);
    },
  });
}

const single = ({ script, shows, minVersion }: MailHostCase) =>
  [
    [{ ...script, identity: identity(0, shows) }],
    minVersion === undefined ? {} : { tls: { minVersion } },
  ] as const;
const spokenTo = (peer: Peer): boolean => peer.lines.some((line) => line.startsWith('MAIL'));
const cases = MAIL_HOSTS.map((row) => [row.what, row] as const);

describe('RFC 8461 §5: mail by a policy', () => {
  it.each([...cases])(
    'that is enforced goes only in TLS and to who is named: to a host that is %s',
    async (_what, row) => {
      const world = await scene(policyText('enforce', row.mx ?? `mx1.${DOMAIN}`), ...single(row));
      // Its other host would be tried next, and its failure told.
      world.records = world.records.filter(({ name }) => name !== `mx2.${DOMAIN}`);
      const { reply, tls } = await world.attempt();
      const [peer] = world.peers as [Peer];
      if (row.enforced === undefined) {
        expect(reply.code).toBe(250);
        expect(tls).toMatch(/^TLSv1\.3/);
        expect(peer.serverNames).toEqual([`mx1.${DOMAIN}`]);
        expect(world.told).toEqual([]);
        return;
      }
      expect(reply).toMatchObject({ code: 451, enhanced: '4.7.5' });
      expect(reply.text).toContain(`mx1.${DOMAIN}: ${row.enforced}: `);
      expect(reply.text).toContain(`(TLS policy default, MTA-STS policy of ${DOMAIN})`);
      expect(spokenTo(peer)).toBe(false);
      expect(world.told).toEqual([`enforce ${row.enforced} mx1.${DOMAIN}`]);
      expect(await world.relay.queued()).toHaveLength(1);
    },
  );

  it.each([...cases])(
    'that is tested goes, and what fails is told: to a host that is %s',
    async (_what, row) => {
      const world = await scene(policyText('testing', row.mx ?? `mx1.${DOMAIN}`), ...single(row));
      const { reply, tls } = await world.attempt();
      expect(reply.code).toBe(250);
      expect(tls !== undefined).toBe(row.encrypted);
      expect(world.told).toEqual(row.tested === undefined ? [] : [`testing ${row.tested} mx1.${DOMAIN}`]);
    },
  );

  it.each([...cases])('of mode none goes as without any: to a host that is %s', async (_what, row) => {
    const world = await scene(policyText('none', row.mx ?? `mx1.${DOMAIN}`), ...single(row));
    const first = await world.attempt();
    world.records = world.records.slice(1);
    const second = await world.attempt();
    for (const { reply, tls } of [first, second]) {
      expect(reply.code).toBe(250);
      expect(tls !== undefined).toBe(row.encrypted);
    }
    expect(world.told).toEqual([]);
  });
});

const good = (index: number, change: Script = {}): Script => ({
  answers: { EHLO: '250-peer.test\r\n250 STARTTLS' },
  identity: identity(index),
  ...change,
});

describe('RFC 8461 §5.1: candidates of a policy that is enforced', () => {
  it('are tried in the order of their preference, past one that is not named, which is not connected to', async () => {
    const world = await scene(policyText('enforce', `mx2.${DOMAIN}`), [good(0), good(1)]);
    const { reply, nextHop } = await world.attempt();
    expect(reply.code).toBe(250);
    expect(nextHop).toContain(`mx2.${DOMAIN}`);
    expect(world.peers.map((peer) => peer.connections())).toEqual([0, 1]);
  });

  it('are tried past one whose certificate is not valid', async () => {
    const world = await scene(policyText('enforce', `*.${DOMAIN}`), [
      good(0, { identity: identity(0, 'expired') }),
      good(1),
    ]);
    expect((await world.attempt()).nextHop).toContain(`mx2.${DOMAIN}`);
    expect(world.peers.map(spokenTo)).toEqual([false, true]);
  });

  it('that all fail put the mail off, and it goes when a new policy is there, which is looked for before each attempt', async () => {
    const world = await scene(policyText('enforce', 'elsewhere.test'), [good(0), good(1)], { again: 0.2 });
    expect((await world.attempt()).reply).toMatchObject({ code: 451, enhanced: '4.7.5' });
    world.policyHost.answer = text(policyText('enforce', `*.${DOMAIN}`));
    world.records[0] = record('2');
    await waitFor('delivery', () => world.relay.ended[0]?.outcome === 'delivered');
    expect(world.fetches).toEqual(['ok', 'ok']);
  });

  it('are put off until their time is over, and the report names the policy and what was wrong', async () => {
    const world = await scene(policyText('enforce', 'elsewhere.test'), [good(0), good(1)], { again: 0.2 });
    await world.relay.accept({ to: [`bob@${DOMAIN}`], age: 5 * 86_400_000 });
    const { outcome, reply } = await waitFor('the end', () => world.relay.ended[0]);
    expect(outcome).toBe('expired');
    expect(reply.text).toContain(`does not name this host (TLS policy default, MTA-STS policy of ${DOMAIN})`);
    expect(world.peers.map((peer) => peer.connections())).toEqual([0, 0]);
  });

  it('are told from those of another policy: no session goes over from one that names the host to one that does not', async () => {
    const world = await scene(policyText('enforce', `mx1.${DOMAIN}`), [good(0)], { again: 0.2 });
    expect((await world.attempt()).reply.code).toBe(250);
    world.policyHost.answer = text(policyText('enforce', `mx9.${DOMAIN}`));
    world.records[0] = record('2');
    expect((await world.attempt()).reply.code).toBe(451);
    world.policyHost.answer = text(policyText('none'));
    world.records[0] = record('3');
    await waitFor('delivery', () => world.relay.ended[1]?.outcome === 'delivered');
    // Opportunistic: on a connection of its own.
    expect(world.peers[0]!.connections()).toBe(2);
  });
});
