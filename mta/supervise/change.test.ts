import { describe, expect, it } from 'vitest';
import type { MtaConfig } from '../config.ts';
import { testConfig } from '../route/testing/config.ts';
import { checkChange } from './change.ts';

const list = [{ name: 'mta-0', host: '192.0.2.1', port: 2590 }];
const peers: NonNullable<MtaConfig['peers']> = {
  address: '0.0.0.0',
  port: 2590,
  members: { source: 'list', list },
};
const base = testConfig();
const member = testConfig({ peers });
const renamed = { ...base.fleet, name: 'other' };

describe('a running process', () => {
  it.each<[string, MtaConfig, Partial<MtaConfig>]>([
    ['other members of a list', member, { peers: { ...peers, members: { source: 'list', list: [] } } }],
    ['another name of the fleet, where nobody else is in it', base, { fleet: renamed }],
    ['another name in Received', member, { fleet: { ...base.fleet, hostname: 'mx2.ours.test' } }],
    [
      'all of the log but its folder',
      base,
      { log: { ...base.log, level: 'debug', redactAddresses: true, historyDays: 9 } },
    ],
    ['that an empty folder may be made a queue', base, { queue: { ...base.queue, initialize: false } }],
  ])('takes %s', (_what, old, change) => {
    expect(() => checkChange(old, { ...old, ...change })).not.toThrow();
  });

  it.each<[string, MtaConfig, Partial<MtaConfig>, RegExp]>([
    ['an older revision', testConfig({ revision: 5 }), { revision: 4 }, /older than 5/],
    ['peers where it had none', base, { peers }, /peers can't come, go or move/],
    ['another port for peers', member, { peers: { ...peers, port: 1 } }, /peers can't come, go or move/],
    // Its certificate says which fleet it is of.
    ['to be of another fleet', member, { fleet: renamed }, /peers can't come, go or move/],
    ['another queue', base, { queue: { ...base.queue, path: '/elsewhere' } }, /queue can't change/],
  ])('refuses %s', (_what, old, change, reason) => {
    expect(() => checkChange(old, { ...old, ...change })).toThrow(reason);
  });
});
