/** A message by one mode to one host of the table, and what has to become of it at our end. What the host saw of it is for each test to look at. */
import { X509Certificate } from 'node:crypto';
import { expect } from 'vitest';
import { tlsaOf } from '../../../mta/deliver/dane/testing/records.ts';
import { pinOf } from '../../../mta/deliver/peer-identity.ts';
import { deliveryConfig } from '../../../mta/deliver/testing/send.ts';
import { deliveryStatusOf } from '../../../mta/reports/testing/blocks.ts';
import { testPolicy } from '../../../mta/route/testing/config.ts';
import type { NextHop } from '../../../mta/route/types.ts';
import { waitFor } from '../../support/wait.ts';
import { identityOf } from '../mta-sts/certificates.ts';
import { type Relay, type RelayOptions, startRelay } from '../relay.ts';
import type { HostCase, ModeName, Outcome } from './table.ts';

/** Of every host of the table. */
export const HOST = 'mx1.d.test';
const OTHER = new X509Certificate(identityOf(HOST, 'good').certificate);

type Dane = NonNullable<NextHop['dane']>;
const NO_TLSA: Dane = { isNamedSecurely: false, tlsa: { status: 'none', why: 'there are none' } };

/** How a policy of this mode has the host reached, where its key is the one of this certificate. */
function hopBy(mode: ModeName, key: X509Certificate, minVersion: 'TLSv1.2' | 'TLSv1.3'): Partial<NextHop> {
  const policy = (name: NextHop['tls']['mode'], more = {}) => ({
    ...{
      host: HOST,
      tls: testPolicy({ mode: name, name: mode, fallbackToClear: true, minVersion, ...more }),
    },
  });
  const sts: NextHop['sts'] = { domain: 'd.test', mode: 'enforce', lists: true };
  const found: Dane = {
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
      return { ...policy('mtaSts'), sts, dane: NO_TLSA };
    case 'DANEOrMTASTS by DANE':
      return { ...policy('daneOrMtaSts'), dane: found };
    case 'DANEOrMTASTS by MTA-STS':
      return { ...policy('daneOrMtaSts'), sts, dane: NO_TLSA };
  }
}

export interface Place {
  /** What the host shows, PEM. */
  readonly certificate: string;
  /** Of a host that follows a script. */
  readonly peer?: RelayOptions['peer'];
  /** What is otherwise than the mode has it. */
  readonly hop?: Partial<NextHop>;
}

/** A relay that has accepted a message for that host, by this mode. */
export async function relayTo(
  mode: ModeName,
  { otherKey, minVersion }: Pick<HostCase, 'otherKey' | 'minVersion'>,
  { certificate, peer, hop }: Place,
  to = 'bob@d.test',
): Promise<Relay> {
  const key = otherKey === true ? OTHER : new X509Certificate(certificate);
  const relay = await startRelay({
    ...(peer && { peer }),
    hop: { ...hopBy(mode, key, minVersion ?? 'TLSv1.2'), ...hop },
  });
  await relay.accept({ to: [to] });
  return relay;
}

export const isDelivered = (expected: Outcome): expected is 'clear' | 'TLS' =>
  expected === 'clear' || expected === 'TLS';

/** Delivered, or else deferred, and bounced once its time is over: what is said of it then names the fault and the policy. */
export async function expectOutcome(relay: Relay, mode: ModeName, expected: Outcome): Promise<void> {
  if (isDelivered(expected)) {
    const end = await waitFor('its end', () => relay.ended[0]);
    expect(end).toMatchObject({ outcome: 'delivered', reply: { code: 250 } });
    expect(end.tls === undefined ? 'clear' : 'TLS').toBe(expected);
    return;
  }
  const reply = {
    ...{ code: 451, enhanced: '4.7.5' },
    text: expect.stringMatching(`: ${HOST}: ${expected}: .*\\(TLS policy ${mode}[,)]`),
  };
  const first = await waitFor('its first attempt', () => relay.attempted[0]);
  expect(first).toMatchObject({ reply, nextAttemptAt: expect.any(Number) });
  expect(await relay.queued()).toHaveLength(1);
  expect([relay.ended, relay.inbox.contents]).toEqual([[], []]);
  relay.use({ delivery: deliveryConfig({ lifetimeSeconds: 0 }).delivery });
  const end = await waitFor('its end', () => relay.ended[0]);
  expect(end).toMatchObject({ outcome: 'expired', reply });
  await waitFor('a report', () => relay.inbox.contents.length > 0);
  const [, recipient] = await deliveryStatusOf(relay.inbox.contents[0]!);
  expect(recipient).toMatchObject({
    ...{ 'Final-Recipient': `rfc822; ${first.to}`, Action: 'failed', Status: '4.7.5' },
    'Diagnostic-Code': expect.stringMatching(
      `^x-postrider; 451 4\\.7\\.5 .*: ${HOST}: ${expected}: .*\\(TLS policy ${mode}[,)]`,
    ),
  });
}
