import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MtaConfig } from '../../mta/config.ts';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import { ConfigPush } from './config-push.ts';
import { type ControlClient, PodRefused } from './control-client.ts';

let clock: TestClock;
let push: ConfigPush;
/** Revision that the pod runs with, and the id of that config. */
let running: number;
let id: string | undefined;

const client = {
  config: async () => ({ revision: running, reads: [1], ...(id && { id }) }),
  load: async () => {
    throw new PodRefused(422, 'ConfigInvalid', "queue can't change while the process runs");
  },
  close: () => undefined,
} as unknown as ControlClient;

beforeEach(() => {
  clock = new TestClock();
  [running, id] = [1, undefined];
  push = new ConfigPush({
    ...{ clock, random: seeded(1) },
    ...{ onReport: () => undefined, onFailure: () => undefined, onUnreachable: () => undefined },
  });
});
afterEach(() => push.stop());

it('takes back that a pod refuses a config when it has been started with it', async () => {
  push.identify({ certificate: '', key: '', authority: '' } as never, client);
  push.name([{ name: 'mta-0', host: '127.0.0.1', port: 2580 }]);
  push.push({ version: 1, revision: 2 } as MtaConfig);
  await settleDown();
  expect(push.reports.get('mta-0')?.refusal?.revision).toBe(2);
  // Its container alone: the pod has the address that it had.
  running = 2;
  await clock.advance(10_000);
  await settleDown();
  expect(push.reports.get('mta-0')).toEqual({
    ...{ revision: 2, reads: [1], isForeign: false, refusal: undefined },
  });
});

it.each([
  ['of the same number', 2, 'theirs', true],
  ['of a higher number', 3, 'theirs', true],
  ['of ours', 2, 'ours', false],
  ['of who tells no id', 2, undefined, false],
])('tells a config %s from ours', async (_, revision, theirs, isForeign) => {
  [running, id] = [revision, theirs];
  push.identify({ certificate: '', key: '', authority: '' } as never, client);
  push.name([{ name: 'mta-0', host: '127.0.0.1', port: 2580 }]);
  push.push({ version: 1, revision: 2, id: 'ours' } as MtaConfig);
  await settleDown();
  expect(push.reports.get('mta-0')).toMatchObject({ revision, isForeign });
});
