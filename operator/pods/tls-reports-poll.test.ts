import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { settleDown, TestClock } from '../../mta/testing/test-clock.ts';
import type { ReportedTls } from '../status/tls-reports.ts';
import { type PodAddress, PodRefused } from './control-client.ts';
import { TlsReportsPoll } from './tls-reports-poll.ts';

const ONE = 'MailDomain/mail/one';
const MINUTE = 60_000;

let clock: TestClock;
let poll: TlsReportsPoll;
/** Sessions that each pod tells of, or why it doesn't. */
let pods: Map<string, number | Error>;
let asked: string[];
let changes: number;

const client = {
  async tlsReports({ name }: PodAddress): Promise<ReportedTls> {
    asked.push(name);
    const answer = pods.get(name) ?? new Error('connection refused');
    if (answer instanceof Error) throw answer;
    const last = { receivedAt: '2026-11-30T12:00:00.000Z' };
    const sums = { successfulSessions: answer, failedSessions: 0, failures: [], last };
    return { domains: answer === 0 ? [] : [{ resource: ONE, ...sums }] };
  },
};
const address = (name: string): PodAddress => ({ name, host: '127.0.0.1', port: 2580 });
const BOTH = [address('mta-0'), address('mta-1')];
const sessions = () => poll.shown?.get(ONE)?.successfulSessions;

beforeEach(() => {
  clock = new TestClock();
  pods = new Map([
    ['mta-0', 20],
    ['mta-1', 30],
  ]);
  [asked, changes] = [[], 0];
  poll = new TlsReportsPoll({
    ...{ clock, random: seeded(1), onFailure: () => undefined },
    onChange: () => {
      changes += 1;
    },
  });
});
afterEach(() => poll.stop());

describe('the poll of TLS reports', () => {
  it('adds up what pods with volumes of their own say, when all have spoken', async () => {
    pods.set('mta-1', new Error('connection refused'));
    poll.use(client);
    poll.name(BOTH, false);
    await settleDown();
    expect(poll.shown).toBeUndefined();
    pods.set('mta-1', 30);
    await clock.advance(MINUTE);
    await settleDown();
    expect(sessions()).toBe(50);
    expect(changes).toBe(1);
  });

  it('takes the word of one, where all see the same volume', async () => {
    pods.set('mta-0', 30);
    poll.use(client);
    poll.name(BOTH, true);
    await settleDown();
    expect(sessions()).toBe(30);
  });

  it('asks every five minutes, and tells of nothing where nothing is new', async () => {
    poll.use(client);
    poll.name(BOTH, false);
    await settleDown();
    expect(asked).toHaveLength(2);
    await clock.advance(4 * MINUTE);
    expect(asked).toHaveLength(2);
    await clock.advance(2 * MINUTE);
    await settleDown();
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(changes).toBe(1);
    pods.set('mta-0', 21);
    await clock.advance(6 * MINUTE);
    await settleDown();
    expect(sessions()).toBe(51);
    expect(changes).toBe(2);
  });

  it('asks nobody where no domain asks for reports, and knows then that there are none', async () => {
    poll.use(client);
    poll.name([], true);
    await settleDown();
    expect(asked).toEqual([]);
    expect(poll.shown?.size).toBe(0);
  });

  it('keeps what it shows while a pod is away, refuses, or is another one', async () => {
    poll.use(client);
    poll.name(BOTH, false);
    await settleDown();
    pods.set('mta-0', new PodRefused(500, 'Internal', 'EIO'));
    pods.set('mta-1', new Error('connection refused'));
    poll.name([BOTH[0]!, { ...BOTH[1]!, port: 2581 }], false);
    await clock.advance(10 * MINUTE);
    await settleDown();
    expect(sessions()).toBe(50);
    expect(changes).toBe(1);
  });

  it('does not hammer a pod of a version that knows of no reports', async () => {
    pods.set('mta-0', new PodRefused(404, 'NoSuchResource', 'There is no GET /v1/tls-reports'));
    poll.use(client);
    poll.name([BOTH[0]!], true);
    await settleDown();
    await clock.advance(4 * MINUTE);
    expect(asked).toHaveLength(1);
    expect(poll.shown).toBeUndefined();
  });
});
