/** RFC 4865: mail that is held before it is sent, as its sender asks. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Relay, type RelayOptions, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const WEEK = 604_800;

const start = (more: RelayOptions = {}) =>
  startRelay({ listener: { role: 'submission', futureRelease: { maxSeconds: WEEK } }, ...more });

/** `2026-12-24T18:00:00Z`, so many seconds from now. */
const date = (seconds: number) => `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19)}Z`;

async function submit({ port }: Relay, hold: string): Promise<string> {
  const wire = await Wire.hello(port);
  const statuses = await wire.dialogue(
    `MAIL FROM:<anna@sender.test> ${hold}`,
    'RCPT TO:<b@peer.test>',
    'DATA',
  );
  if (statuses[2] !== '354') return statuses[0]!;
  wire.send('Subject: later\r\n\r\nlater\r\n.\r\n');
  return (await wire.reply()).status;
}

describe('RFC 4865: FUTURERELEASE', () => {
  it('§3 (2), §4.2 (3): EHLO announces the longest interval and the most remote time', async () => {
    const wire = await Wire.connect((await start()).port);
    await wire.reply();
    const before = Date.now();
    const { lines } = await wire.command('EHLO client.test');
    const [, interval, time] = lines.find((line) => line.startsWith('FUTURERELEASE'))!.split(' ');
    expect(interval).toBe(String(WEEK));
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Date.parse(time!) - before).toBeGreaterThan((WEEK - 2) * 1000);
    expect(Date.parse(time!) - Date.now()).toBeLessThanOrEqual(WEEK * 1000);
  });

  it('§3 (4): without it the parameter is not known', async () => {
    const relay = await startRelay({ listener: { role: 'submission' } });
    expect(await submit(relay, 'HOLDFOR=10')).toBe('555 5.5.4');
  });

  it.each([
    ['HOLDFOR', '501 5.5.4'],
    ['HOLDFOR=0', '501 5.5.4'],
    ['HOLDFOR=-1', '501 5.5.4'],
    ['HOLDFOR=1h', '501 5.5.4'],
    [`HOLDFOR=${WEEK + 1}`, '501 5.5.4'],
    ['HOLDUNTIL=tomorrow', '501 5.5.4'],
    ['HOLDUNTIL=2020-01-01T00:00:00Z', '501 5.5.4'],
    ['HOLDUNTIL=2999-01-01T00:00:00Z', '501 5.5.4'],
    ['HOLDUNTIL=2999-01-01T00:00:00+02:00', '501 5.5.4'],
    ['HOLDFOR=10 HOLDFOR=10', '501 5.5.4'],
    ['HOLDFOR=10 HOLDUNTIL=2999-01-01T00:00:00Z', '501 5.5.4'],
  ])('§4.2 (7) to (11): %s is refused: %s', async (hold, status) => {
    expect(await submit(await start(), hold)).toBe(status);
  });

  it('§4.2 (5): HOLDFOR: nothing is sent until the interval has passed, though a person retries it', async () => {
    const relay = await start();
    const asked = Date.now();
    expect(await submit(relay, 'HOLDFOR=2')).toBe('250 2.0.0');
    const [message] = await relay.queued();
    const released = message!.envelope.holdUntil!;
    expect(released).toBeGreaterThanOrEqual(asked + 2000);
    expect(message!.jobs[0]!.dueAt).toBe(released);
    expect(await relay.operations.act('retry', [message!.id])).toBe(1);
    await expect
      .poll(async () => (await relay.queued())[0]?.jobs[0])
      .toMatchObject({ attempts: 0, dueAt: released });
    expect(relay.peer.lines).toEqual([]);
    await expect.poll(() => relay.ended, { timeout: 8000 }).toMatchObject([{ outcome: 'delivered' }]);
    expect(Date.now()).toBeGreaterThanOrEqual(released);
  });

  it('§4.2 (6): HOLDUNTIL: nothing is sent until the time has come', async () => {
    const relay = await start();
    const until = date(2);
    expect(await submit(relay, `HOLDUNTIL=${until}`)).toBe('250 2.0.0');
    await expect.poll(() => relay.ended, { timeout: 8000 }).toMatchObject([{ outcome: 'delivered' }]);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until));
  });

  it('§4.2 (6): the lifetime of the message counts from then', async () => {
    const relay = await start({
      delivery: { lifetimeSeconds: 1 },
      peer: { answers: { RCPT: '450 4.2.0 not now' } },
    });
    expect(await submit(relay, 'HOLDFOR=2')).toBe('250 2.0.0');
    const [message] = await relay.queued();
    await expect.poll(() => relay.ended, { timeout: 8000 }).toMatchObject([{ outcome: 'expired' }, {}]);
    expect(relay.attempted.length).toBeGreaterThan(1);
    expect(Date.now()).toBeGreaterThanOrEqual(message!.envelope.holdUntil! + 1000);
  });

  it('§5.1.2: a report tells when the message came, and what was asked for', async () => {
    const relay = await start({ peer: { answers: { RCPT: '550 5.1.1 nobody' } } });
    expect(await submit(relay, 'HOLDFOR=1')).toBe('250 2.0.0');
    await expect.poll(() => relay.inbox.contents.length, { timeout: 8000 }).toBe(1);
    const report = relay.inbox.contents[0]!.toString();
    expect(report).toMatch(/^Arrival-Date: /m);
    expect(report).toMatch(/^Future-Release-Request: for;1\r$/m);
  });
});
