/** The operator's part in a change of config, with pods as real processes: each has it, and nobody's session ends. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../mta/clock.ts';
import type { MtaConfig } from '../../mta/config.ts';
import { memberHost, operatorHost } from '../../mta/fleet/hosts.ts';
import { readIdentity } from '../../mta/fleet/identity.ts';
import { systemRandom } from '../../mta/random.ts';
import { ConfigPush } from '../../operator/pods/config-push.ts';
import { ControlClient, type PodAddress } from '../../operator/pods/control-client.ts';
import { type Authority, certificateAuthority } from '../support/authority.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const FLEET = { namespace: 'test', name: 'test' };
const PODS = ['mta-0', 'mta-1', 'mta-2'];

describe('a fleet of three', () => {
  let authority: Authority;
  let pods: Mta[];
  let addresses: PodAddress[];
  let push: ConfigPush;
  let told: string[];
  let failures: string[];
  let unreachable: string[];

  beforeEach(async () => {
    authority = await certificateAuthority();
    pods = await Promise.all(
      PODS.map(async (name) =>
        startMta({
          args: ['--name', name, '--identity', await authority.issue(memberHost(name, FLEET))],
          config: (_folder, { control }) => ({
            workers: 1,
            control: { access: 'certificate', address: '127.0.0.1', port: control },
          }),
        }),
      ),
    );
    addresses = pods.map(({ ports }, i) => ({ name: PODS[i]!, host: '127.0.0.1', port: ports.control }));
    const folder = await authority.issue(memberHost('reader', FLEET), operatorHost('operator', FLEET));
    const identity = readIdentity(folder, 'reader', FLEET);
    told = [];
    failures = [];
    unreachable = [];
    push = new ConfigPush({
      ...{ clock: systemClock, random: systemRandom },
      onReport: (pod, { revision, refusal }) => told.push(`${pod} ${revision}${refusal ? ' refused' : ''}`),
      onFailure: (error, pod) => failures.push(`${pod}: ${String(error)}`),
      onUnreachable: (pod) => unreachable.push(pod),
    });
    push.identify(identity, new ControlClient(FLEET, identity, systemClock));
  });
  afterEach(async () => {
    await push.stop();
    await Promise.all(pods.map((pod) => pod.stop()));
  });

  /** Each pod has a port of its own here, which in a cluster it hasn't: what is pushed is what they have in common. */
  const shared = (revision: number, more: Partial<MtaConfig> = {}): MtaConfig => ({
    ...pods[0]!.config,
    revision,
    ...more,
  });
  const revisions = () => PODS.map((name) => push.reports.get(name)?.revision);

  it('says what each has loaded', async () => {
    push.name(addresses);
    await waitFor('the reports', () => push.reports.size === 3);
    expect(revisions()).toEqual([1, 1, 1]);
    expect(told.toSorted()).toEqual(['mta-0 1', 'mta-1 1', 'mta-2 1']);
    expect(failures).toEqual([]);
  });

  it('has a change within seconds, and no session ends', async () => {
    const [first] = addresses;
    push.name([first!]);
    const { client } = await SmtpClient.connect(pods[0]!.ports.smtp);
    await client.command('EHLO client.test');
    for (let revision = 2; revision <= 11; revision += 1) {
      push.push(shared(revision));
      await waitFor(`revision ${revision}`, () => push.reports.get('mta-0')?.revision === revision, {
        timeoutMs: 5000,
      });
      expect((await client.command('NOOP')).code).toBe(250);
    }
    client.close();
  });

  it('serves on with the last good config where one refuses, which is named with its reason', async () => {
    push.name(addresses.slice(0, 1));
    const { log, queue } = pods[0]!.config;
    push.push(shared(2, { log: { ...log, level: 'debug', redactAddresses: true, historyDays: 3 } }));
    await waitFor('revision 2', () => push.reports.get('mta-0')?.revision === 2);
    push.push(shared(3, { queue: { ...queue, minFreeBytes: queue.minFreeBytes + 1 } }));
    const { refusal, revision } = await waitFor('the refusal', () => {
      const report = push.reports.get('mta-0');
      return report?.refusal && report;
    });
    expect(revision).toBe(2);
    expect(refusal).toEqual({
      revision: 3,
      reason: "queue can't change while the process runs: restart it with the new config",
    });
    push.push(shared(4));
    await waitFor('revision 4', () => push.reports.get('mta-0')?.revision === 4);
    expect(push.reports.get('mta-0')?.refusal).toBeUndefined();
  });

  it('has it again where one was killed and came back with the old one', async () => {
    push.name(addresses.slice(0, 1));
    push.push(shared(5));
    await waitFor('revision 5', () => push.reports.get('mta-0')?.revision === 5);
    await pods[0]!.kill9();
    await pods[0]!.restart();
    told.length = 0;
    await waitFor('revision 5 again', () => told.includes('mta-0 5'), { timeoutMs: 40_000 });
    expect(told).toContain('mta-0 1');
  });

  it('does not take the word of another pod, or of one that has gone', async () => {
    const [one, two] = addresses;
    push.name([{ ...one!, port: two!.port }]);
    expect(push.isAsking('mta-0')).toBe(true);
    await waitFor('the failures', () => unreachable.length > 0);
    expect(unreachable).toEqual(['mta-0']);
    expect(push.isAsking('mta-0')).toBe(false);
    expect(failures[0]).toContain('mta-0.test.test.members.postrider.internal');
    expect(push.reports.size).toBe(0);
    push.name([one!]);
    await waitFor('the report', () => push.reports.size === 1);
    push.name([]);
    expect(push.reports.size).toBe(0);
  });
});
