/** Each mode of a TLS policy with each kind of mail host: what goes, what waits and then bounces, and what the report says. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NextHop } from '../../mta/route/types.ts';
import { identityOf, trust } from './mta-sts/certificates.ts';
import { stopRelays } from './relay.ts';
import { expectOutcome, HOST, isDelivered, relayTo } from './tls-modes/attempt.ts';
import { HOSTS, type HostCase, MODES, type ModeName, type Outcome } from './tls-modes/table.ts';

beforeAll(trust);
afterEach(stopRelays);

/** Modes that wait where nobody can say whether a host has TLSA records. */
const LOOKS_FOR_TLSA = MODES.filter((mode) => !['None', 'Required', 'Verified', 'Pinned'].includes(mode));
const GOOD = HOSTS[0]!;

async function meet(mode: ModeName, row: HostCase): Promise<void> {
  const identity = identityOf(HOST, row.shows ?? 'good');
  const { certificate } = identity;
  const relay = await relayTo(mode, row, { certificate, peer: { ...row.script, identity } });
  const expected = row.outcomes[mode];
  await expectOutcome(relay, mode, expected);
  const { peer } = relay;
  const mails = (lines: readonly string[]) => lines.filter((line) => line.startsWith('MAIL')).length;
  const times = isDelivered(expected) ? 1 : 0;
  expect([peer.contents.length, mails(peer.lines)]).toEqual([times, times]);
  expect(mails(peer.secured)).toBe(expected === 'TLS' ? 1 : 0);
}

describe.each([...MODES])('mode %s', (mode) => {
  it.each(HOSTS.map((row) => [row.outcomes[mode], row.what, row] as const))(
    '%s: a host that is %s',
    (...cells) => meet(mode, cells[2]),
  );
});

describe('a host that is good, and not even connected to', () => {
  const failed: NextHop['dane'] = { isNamedSecurely: true, tlsa: { status: 'failed', why: 'SERVFAIL' } };
  const none: NextHop['dane'] = { isNamedSecurely: true, tlsa: { status: 'none', why: 'there are none' } };
  const unlisted: NextHop['sts'] = { domain: 'd.test', mode: 'enforce', lists: false };
  const byDane = ['DANE', 'DANEOrMTASTS by DANE'] as const;
  const byMtaSts = ['MTASTS', 'DANEOrMTASTS by MTA-STS'] as const;
  const cases: [string, Outcome, readonly ModeName[], Partial<NextHop>][] = [
    ['it has no TLSA records', 'dane-required', byDane, { dane: none }],
    ['nobody can say whether it has TLSA records', 'dnssec-invalid', LOOKS_FOR_TLSA, { dane: failed }],
    ['the MTA-STS policy does not name it', 'validation-failure', byMtaSts, { sts: unlisted }],
  ];
  it.each(cases.flatMap(([why, fault, modes, hop]) => modes.map((mode) => [mode, why, fault, hop] as const)))(
    'mode %s, as %s: %s',
    async (mode, _why, fault, hop) => {
      const identity = identityOf(HOST, 'good');
      const { certificate } = identity;
      const relay = await relayTo(mode, {}, { certificate, peer: { ...GOOD.script, identity }, hop });
      await expectOutcome(relay, mode, fault);
      expect(relay.peer.connections()).toBe(0);
    },
  );
});
