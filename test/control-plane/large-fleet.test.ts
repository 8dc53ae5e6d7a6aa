/**
 * Operators as processes over a fleet of some size: what they write, and what becomes of it when the leader dies, or is stopped for a
 * while, in the middle of its work.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { describeWithControlPlane } from './support/binaries.ts';
import { type LargeFleet, type Size, startLargeFleet } from './support/large-fleet.ts';
import { type OperatorProcess, startOperator } from './support/operator-process.ts';
import { nothingIsWritten, settled } from './support/settled.ts';
import { writesBetween, writesSoFar } from './support/writes.ts';

const SIZE: Size = {
  ...{ domains: 300, relays: 30, tenants: 3, recipients: 100, policies: 3, bundleBytes: 250_000, pods: 3 },
};
/** More than a lease lasts, and the other one's look at it. */
const TAKEN_OVER_MS = 120_000;

describeWithControlPlane('over a large fleet', () => {
  let fleet: LargeFleet;
  const started: OperatorProcess[] = [];

  beforeAll(async () => {
    fleet = await startLargeFleet(SIZE);
  });
  afterAll(async () => {
    await Promise.all(started.map(({ running }) => running.kill9()));
    await fleet?.stop();
  });

  async function operator(): Promise<OperatorProcess> {
    const one = await startOperator(fleet.plane.kubeconfig('operator'));
    started.push(one);
    await one.ready();
    return one;
  }
  const statuses = (writes: Record<string, number>) => writes['APPLY maildomains/status'] ?? 0;

  it('the second finishes what the first had begun when it was killed', async () => {
    const first = await operator();
    await waitFor('the first to lead', () => first.leads());
    const second = await operator();
    expect(second.leads()).toBe(false);
    await fleet.startPods();
    await waitFor('some to be done, and not all', () => {
      const { length } = fleet.lacking();
      if (length === 0) throw new Error('all are done: there is nothing to take over');
      return length < SIZE.domains - 20;
    });
    await first.running.kill9();
    // What it had asked for last is done by the API server all the same.
    await nothingIsWritten(fleet);
    const ask = fleet.plane.transport();
    const before = await writesSoFar(ask);
    const left = fleet.lacking().filter((id) => id.startsWith('MailDomain/')).length;
    expect(left).toBeGreaterThan(0);
    await waitFor('the second to lead', () => second.leads(), { timeoutMs: TAKEN_OVER_MS });
    await settled(fleet);
    // What the first had written is not written again.
    expect(statuses(writesBetween(before, await writesSoFar(ask)))).toBeLessThanOrEqual(left);
  });

  it('the config takes several ConfigMaps and Secrets', async () => {
    const { configMaps, secrets } = await fleet.parts();
    expect(configMaps).toBeGreaterThan(1);
    expect(secrets).toBeGreaterThan(1);
  });

  it('one edit writes the status of one resource, and the pieces that it changes', async () => {
    const ask = fleet.plane.transport();
    const before = await writesSoFar(ask);
    await fleet.edit(SIZE.domains - 1, 'edited');
    await settled(fleet);
    const {
      'APPLY configmaps': pieces,
      'APPLY secrets': indexes,
      ...others
    } = writesBetween(before, await writesSoFar(ask));
    // The patch is the edit itself. Its status says that it is not loaded yet, and then that it is; the MTA's says which revision is.
    expect(others['APPLY maildomains/status']).toBeLessThanOrEqual(2);
    expect({ ...others, 'APPLY maildomains/status': 0 }).toEqual({
      ...{ 'PATCH maildomains': 1, 'APPLY maildomains/status': 0, 'APPLY mtas/status': 1 },
    });
    expect(pieces).toBeLessThanOrEqual((await fleet.parts()).configMaps);
    expect(indexes).toBe(1);
  });

  it('nothing is written where nothing changes, though pods are asked again and again', async () => {
    const ask = fleet.plane.transport();
    const [before, asked] = [await writesSoFar(ask), fleet.pods.map((pod) => pod.asked)];
    await waitFor(
      'each pod to be asked twice',
      () => fleet.pods.every((pod, i) => pod.asked >= asked[i]! + 2),
      {
        timeoutMs: 120_000,
      },
    );
    expect(writesBetween(before, await writesSoFar(ask))).toEqual({});
  });

  it('one that was stopped for longer than its lease ends, and has done no harm', async () => {
    const [, second] = started;
    const third = await operator();
    for (let i = 0; i < 5; i += 1) await fleet.edit(i, 'before');
    process.kill(second!.running.pid, 'SIGSTOP');
    await waitFor('the third to lead', () => third.leads(), { timeoutMs: TAKEN_OVER_MS });
    for (let i = 0; i < 5; i += 1) await fleet.edit(i, 'meanwhile');
    await settled(fleet);
    process.kill(second!.running.pid, 'SIGCONT');
    await waitFor('the second to end', () => second!.running.ended() !== undefined, {
      timeoutMs: TAKEN_OVER_MS,
    });
    expect(second!.running.ended()).toBe(1);
    await settled(fleet);
  });
});
