/** Each mode of a TLS policy with each kind of mail host: what goes, what waits and then bounces, and what the report says. */
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tlsaOf } from '../../mta/deliver/dane/testing/records.ts';
import { pinOf } from '../../mta/deliver/peer-identity.ts';
import { deliveryStatusOf } from '../../mta/reports/testing/blocks.ts';
import { testPolicy } from '../../mta/route/testing/config.ts';
import type { NextHop } from '../../mta/route/types.ts';
import { waitFor } from '../support/wait.ts';
import { identityOf, trust } from './mta-sts/certificates.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { HOSTS, type HostCase, MODES, type ModeName } from './tls-modes/table.ts';

beforeAll(trust);
afterEach(stopRelays);

const HOST = 'mx1.d.test';
const OTHER = new X509Certificate(identityOf(HOST, 'good').certificate);

/** How a policy of this mode has the host reached, where its key is the one of this certificate. */
function hopBy(mode: ModeName, key: X509Certificate, minVersion: 'TLSv1.2' | 'TLSv1.3'): Partial<NextHop> {
  const policy = (name: NextHop['tls']['mode'], more = {}) => ({
    ...{
      host: HOST,
      tls: testPolicy({ mode: name, name: mode, fallbackToClear: true, minVersion, ...more }),
    },
  });
  const sts: NextHop['sts'] = { domain: 'd.test', mode: 'enforce', lists: true };
  const none: NextHop['dane'] = { isNamedSecurely: false, tlsa: { status: 'none', why: 'there are none' } };
  const found: NextHop['dane'] = {
    isNamedSecurely: true,
    tlsa: { status: 'found', baseDomain: HOST, records: [tlsaOf('3 1 1', key)], references: [HOST] },
  };
  switch (mode) {
    case 'None':
      return policy('none');
    case 'Opportunistic':
      return policy('opportunistic');
    case 'Opportunistic, strict':
      return policy('opportunistic', { fallbackToClear: false });
    case 'Required':
      return policy('required');
    case 'Verified':
      return policy('verified');
    case 'Pinned':
      return policy('pinned', { pins: [pinOf(key)] });
    case 'DANE':
      return { ...policy('dane'), dane: found };
    case 'MTASTS':
      return { ...policy('mtaSts'), sts, dane: none };
    case 'DANEOrMTASTS by DANE':
      return { ...policy('daneOrMtaSts'), dane: found };
    case 'DANEOrMTASTS by MTA-STS':
      return { ...policy('daneOrMtaSts'), sts, dane: none };
  }
}

/** The block of the recipient in the report. */
async function reported({ inbox }: Relay): Promise<Record<string, string>> {
  await waitFor('a report', () => inbox.contents.length > 0);
  return (await deliveryStatusOf(inbox.contents[0]!))[1]!;
}

async function expectOutcome(mode: ModeName, row: HostCase): Promise<void> {
  const identity = identityOf(HOST, row.shows ?? 'good');
  const key = row.otherKey === true ? OTHER : new X509Certificate(identity.certificate);
  const expected = row.outcomes[mode];
  const relay = await startRelay({
    peer: { ...row.script, identity },
    hop: hopBy(mode, key, row.minVersion ?? 'TLSv1.2'),
    // What waits has its first attempt and its end at once.
    delivery: { lifetimeSeconds: 0 },
  });
  await relay.accept({ to: ['bob@d.test'] });
  const end = await waitFor('its end', () => relay.ended.find(({ to }) => to === 'bob@d.test'));
  const { peer } = relay;
  if (expected === 'clear' || expected === 'TLS') {
    expect(end).toMatchObject({ outcome: 'delivered', reply: { code: 250 } });
    expect(end.tls === undefined ? 'clear' : 'TLS').toBe(expected);
    expect(peer.contents).toHaveLength(1);
    return;
  }
  expect(end).toMatchObject({ outcome: 'expired', reply: { code: 451, enhanced: '4.7.5' } });
  expect(peer.lines.filter((line) => line.startsWith('MAIL'))).toEqual([]);
  expect(peer.contents).toEqual([]);
  const report = await reported(relay);
  expect(report).toMatchObject({ Action: 'failed', Status: '4.7.5' });
  expect(report['Diagnostic-Code']).toContain(`${HOST}: ${expected}: `);
  expect(report['Diagnostic-Code']).toContain(`(TLS policy ${mode}`);
}

describe.each([...MODES])('mode %s', (mode) => {
  it.each(HOSTS.map((row) => [row.outcomes[mode], row.what, row] as const))(
    '%s: a host that is %s',
    (...cells) => expectOutcome(mode, cells[2]),
  );
});
