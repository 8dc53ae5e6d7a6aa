import { afterEach, describe, expect, it, vi } from 'vitest';
import { CUT, type Peer, type Says, type Script, SILENCE } from './deliver/testing/peer.ts';
import { hopTo } from './deliver/testing/send.ts';
import { usePeers } from './deliver/testing/use-peers.ts';
import { smtpError } from './errors.ts';
import type { StoredMessage } from './queue/types.ts';
import { hopsTo, idOf, openWorld, ownDomain, type World, type WorldOptions } from './testing/flow-world.ts';

const { peerOf } = usePeers();
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const open = async (options: WorldOptions): Promise<World> => {
  const world = await openWorld(options);
  worlds.push(world);
  return world;
};
const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 8000, interval: 5 });

/** A world whose only next hop follows a script. */
async function withPeer(script: Script = {}, more: Partial<WorldOptions> = {}) {
  const peer = await peerOf(script);
  return { peer, ...(await open({ hops: hopsTo(peer.port), ...more })) };
}

/** One answer after the other, then the last again. */
function inTurn(...answers: Says[]): () => Says {
  let next = 0;
  return () => answers[Math.min(next++, answers.length - 1)]!;
}

/** Bounces go here; the original's destination is another. */
async function withBounces(script: Script, more: Partial<WorldOptions> = {}) {
  const peer = await peerOf(script);
  const inbox = await peerOf();
  const world = await open({
    hops: ({ key }) => [hopTo(key === 'mx:sender.test' ? inbox.port : peer.port)],
    ...more,
  });
  return { peer, inbox, ...world };
}

const text = (peer: Peer, n = 0): string => peer.contents[n]?.toString() ?? '';

describe('accept and deliver', () => {
  it('delivers what was accepted, with one Received field more, and says so', async () => {
    const { accept, peer, queue, ended } = await withPeer();
    const id = idOf(await accept({ to: ['bob@peer.test'] }));
    await until(() => expect(ended).toHaveLength(1));
    expect(peer.lines).toContain('RCPT TO:<bob@peer.test>');
    expect(text(peer)).toContain(`by mx.ours.test with ESMTP id ${id}`);
    expect(text(peer)).toMatch(/\r\nhello\r\n\.\r\n$/);
    expect(ended[0]).toMatchObject({ id, to: 'bob@peer.test', outcome: 'delivered', attempts: 1 });
    expect(queue.counts().messages).toBe(0);
  });

  it('refuses a message that has been through too many hosts', async () => {
    const { accept, queue } = await withPeer();
    const content = `${'Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n'.repeat(3)}\r\n`;
    await expect(accept({ to: ['bob@peer.test'], content })).rejects.toMatchObject({
      code: 554,
      enhanced: '5.4.6',
    });
    expect(queue.counts().messages).toBe(0);
  });

  it('takes postmaster without a domain to the postmaster of the fleet', async () => {
    const { accept, peer, ended } = await withPeer();
    await accept({ to: ['Postmaster'] });
    await until(() => expect(ended).toHaveLength(1));
    expect(peer.lines).toContain('RCPT TO:<postmaster@ours.test>');
  });

  it('tries again what was refused for a while', async () => {
    const { accept, peer, ended, attempted } = await withPeer({
      answers: { RCPT: inTurn('450 4.2.0 later', '250 ok') },
    });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(1));
    expect(ended[0]).toMatchObject({ outcome: 'delivered', attempts: 2 });
    expect(attempted[0]).toMatchObject({ attempts: 1, reply: { code: 450, remote: 'peer.test' } });
    expect(peer.contents.filter((content) => content.includes('hello'))).toHaveLength(1);
  });

  it('tries again what was cut off after the final dot, and not on another host at once', async () => {
    const other = await peerOf();
    const peer = await peerOf({ answers: { content: inTurn(CUT, '250 taken') } });
    const { accept, ended } = await open({ hops: () => [hopTo(peer.port), hopTo(other.port)] });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(1));
    expect(peer.contents).toHaveLength(2);
    expect(other.connections()).toBe(0);
  });

  it('takes a new connection at once where the one that was kept is dead', async () => {
    const { accept, peer, ended, attempted } = await withPeer({
      answers: { MAIL: (_, connection) => (connection === 1 && ended.length === 1 ? CUT : '250 ok') },
    });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(1));
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(2));
    expect(peer.connections()).toBe(2);
    expect(attempted.map(({ attempts, reply }) => [attempts, reply.code])).toEqual([
      [1, 250],
      [1, 250],
    ]);
  });

  it('goes on to the next host where one cannot be reached', async () => {
    const peer = await peerOf();
    const gone = await peerOf();
    await gone.close();
    const { accept, ended } = await open({ hops: () => [hopTo(gone.port), hopTo(peer.port)] });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(1));
    expect(ended[0]).toMatchObject({ outcome: 'delivered', attempts: 1 });
  });

  it('does not bounce by a host that wants no mail while another may only be down', async () => {
    const backup = await peerOf({ greeting: '554 5.3.2 no mail here' });
    const gone = await peerOf();
    await gone.close();
    const { accept, attempted, ended } = await open({ hops: () => [hopTo(gone.port), hopTo(backup.port)] });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(attempted.length).toBeGreaterThan(0));
    expect(attempted[0]!.reply.code).toBe(451);
    expect(ended).toEqual([]);
  });

  it('does not take a destination to be down that defers one sender', async () => {
    const { accept, attempted, ended, scheduler } = await withPeer(
      { answers: { MAIL: (line) => (line.includes('slow@') ? '450 4.7.1 not so fast' : '250 ok') } },
      { delivery: { retry: { initialSeconds: 60, factor: 1, maxSeconds: 60, jitter: 0 } } },
    );
    await accept({ from: 'slow@sender.test', to: ['bob@peer.test'] });
    await until(() => expect(attempted).toHaveLength(1));
    expect(scheduler.destination('mx:peer.test')?.failures ?? 0).toBe(0);
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(1));
  });

  it('moves what waits when config sends it another way', async () => {
    const peer = await peerOf();
    const { accept, use, ended, attempted } = await open({
      hops: ({ key }) => (key === 'domain:peer.test' ? [hopTo(peer.port)] : smtpError('dnsTemporary')),
    });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(attempted.length).toBeGreaterThan(0));
    use({ domains: [ownDomain('peer.test')] });
    await until(() => expect(ended).toHaveLength(1));
    expect(ended[0]).toMatchObject({ outcome: 'delivered', destination: 'domain:peer.test' });
  });
});

describe('bounces and warnings', () => {
  it('bounces what was refused for good: queued to the sender, with the null reverse-path', async () => {
    const { accept, inbox, ended } = await withBounces({ answers: { RCPT: '550 5.1.1 no such user' } });
    const id = idOf(await accept({ to: ['bob@peer.test'] }));
    await until(() => expect(ended).toHaveLength(2));
    expect(ended[0]).toMatchObject({ id, outcome: 'bounced', reply: { code: 550, enhanced: '5.1.1' } });
    expect(ended[1]).toMatchObject({ from: '', to: 'anna@sender.test', outcome: 'delivered' });
    expect(inbox.lines.some((line) => line.startsWith('MAIL FROM:<>'))).toBe(true);
    expect(text(inbox)).toContain('multipart/report; report-type=delivery-status');
    expect(text(inbox)).toContain('Final-Recipient: rfc822; bob@peer.test');
    expect(text(inbox)).toContain('Message-ID: <1@sender.test>');
  });

  it('ends a bounce that is refused in its turn, without another', async () => {
    const { accept, ended, queue } = await withPeer({ answers: { RCPT: '550 5.1.1 no such user' } });
    await accept({ to: ['bob@peer.test'] });
    await until(() => expect(ended).toHaveLength(2));
    expect(ended[1]).toMatchObject({ from: '', to: 'anna@sender.test', outcome: 'bounced' });
    expect(queue.counts().messages).toBe(0);
  });

  it('bounces what has outlived its lifetime', async () => {
    const { accept, inbox, ended } = await withBounces(
      { answers: { RCPT: '450 4.2.0 later' } },
      { delivery: { lifetimeSeconds: 100 } },
    );
    await accept({ to: ['bob@peer.test'], age: 200_000 });
    await until(() => expect(ended).toHaveLength(2));
    expect(ended[0]).toMatchObject({ outcome: 'expired', reply: { code: 450 } });
    expect(text(inbox)).toContain('Action: failed');
  });

  it('expires what has the null reverse-path without a word', async () => {
    const { accept, ended, queue } = await withPeer({ answers: { RCPT: '450 4.2.0 later' } });
    await accept({ from: '', to: ['bob@peer.test'], age: 200_000_000 });
    await until(() => expect(ended).toHaveLength(1));
    expect(ended[0]!.outcome).toBe('expired');
    expect(queue.counts().messages).toBe(0);
  });

  it('warns of a delay once', async () => {
    const { accept, inbox, attempted } = await withBounces(
      { answers: { RCPT: '450 4.2.0 later' } },
      { delivery: { delayWarningSeconds: 100 } },
    );
    await accept({ to: ['bob@peer.test'], age: 200_000 });
    await until(() => expect(attempted.filter(({ to }) => to === 'bob@peer.test').length).toBeGreaterThan(4));
    expect(inbox.contents).toHaveLength(1);
    expect(text(inbox)).toContain('Action: delayed');
  });

  it('gives each recipient its own fate', async () => {
    let later = '450 4.2.0 later';
    const { accept, inbox, peer, ended, attempted, queued } = await withBounces({
      answers: {
        RCPT: (line) => (line.includes('no@') ? '550 5.1.1 no' : line.includes('later@') ? later : '250 ok'),
      },
    });
    const id = idOf(await accept({ to: ['yes@peer.test', 'no@peer.test', 'later@peer.test'] }));
    await until(() => expect(ended).toHaveLength(3));
    const left = (await queued()).find((message: StoredMessage) => message.id === id);
    expect(left?.jobs.flatMap(({ recipients }) => recipients)).toEqual([2]);
    expect(text(inbox)).not.toContain('later@');
    later = '250 ok';
    await until(() => expect(ended).toHaveLength(4));
    expect(ended.map(({ to, outcome }) => `${to} ${outcome}`).sort()).toEqual([
      'anna@sender.test delivered',
      'later@peer.test delivered',
      'no@peer.test bounced',
      'yes@peer.test delivered',
    ]);
    expect(peer.lines.filter((line) => line.includes('yes@'))).toHaveLength(1);
    expect(attempted.some(({ to, nextAttemptAt }) => to === 'later@peer.test' && nextAttemptAt)).toBe(true);
  });

  it('ends and bounces a message whose content can no longer be read', async () => {
    const { accept, inbox, ended, queue } = await withBounces(
      {},
      { inlineBodyBytes: 10, delivery: { lifetimeSeconds: 100 } },
    );
    const read = queue.read.bind(queue);
    vi.spyOn(queue, 'read').mockImplementation(async (id) => {
      const message = await read(id);
      if (message === undefined || message.envelope.from === '') return message;
      const stream = () => {
        throw new Error('EIO');
      };
      return { ...message, content: { size: message.content.size, bytes: undefined, stream } };
    });
    await accept({ to: ['bob@peer.test'], age: 200_000 });
    await until(() => expect(ended).toHaveLength(2));
    expect(ended[0]!.outcome).toBe('expired');
    expect(text(inbox)).toContain('Final-Recipient: rfc822; bob@peer.test');
  });
});

describe('a person and an attempt', () => {
  /** A next hop that answers the content when it is told to. */
  async function waiting(...answers: Says[]) {
    const made = await withPeer({ answers: { content: inTurn(SILENCE, ...answers) } });
    const id = idOf(await made.accept({ to: ['bob@peer.test'] }));
    await until(() => expect(made.peer.contents).toHaveLength(1));
    return { ...made, id };
  }

  it('ends as removed what a person removes, and tells what the next hop took all the same', async () => {
    const { operations, peer, ended, queue, id, defects } = await waiting();
    expect(await operations.act('remove', [id])).toBe(1);
    peer.say('250 2.0.0 taken');
    await until(() => expect(ended).toHaveLength(2));
    expect(ended.map(({ outcome }) => outcome)).toEqual(['removed', 'delivered']);
    expect(queue.counts().messages).toBe(0);
    expect(defects).toEqual([]);
  });

  it('does not bounce what a person has removed', async () => {
    const { operations, peer, ended, attempted, queue, id } = await waiting();
    await operations.act('remove', [id]);
    peer.say('554 5.0.0 no');
    await until(() => expect(attempted).toHaveLength(1));
    expect(ended.map(({ outcome }) => outcome)).toEqual(['removed']);
    expect(queue.counts().messages).toBe(0);
  });

  it('keeps held what was held during the attempt, and sends it when it is released', async () => {
    const { operations, peer, ended, attempted, id } = await waiting('250 2.0.0 taken');
    expect(await operations.act('hold', [id])).toBe(1);
    peer.say('421 4.3.2 later');
    await until(() => expect(attempted).toHaveLength(1));
    expect((await operations.message(id))?.recipients[0]?.state).toBe('held');
    await operations.act('release', [id]);
    await until(() => expect(ended).toHaveLength(1));
    expect(peer.contents).toHaveLength(2);
  });
});

it('leaves to the next owner what it may no longer send', async () => {
  const { accept, peer, queue, attempted, ended } = await withPeer();
  const owns = vi.spyOn(queue, 'owns').mockReturnValue(false);
  await accept({ to: ['bob@peer.test'] });
  await until(() => expect(peer.connections()).toBeGreaterThan(0));
  expect(peer.lines.some((line) => line.startsWith('MAIL'))).toBe(false);
  // The lane was only late with its lease: nothing is forgotten.
  owns.mockRestore();
  await until(() => expect(ended).toHaveLength(1));
  expect(attempted).toHaveLength(1);
  expect(ended[0]!.attempts).toBe(1);
});

describe('messages of our own', () => {
  const own = (to: string) => ({
    envelope: {
      ...{ from: '', recipients: [{ address: to }], arrivedAt: Date.now(), bodyType: '7BIT' as const },
      origin: { listener: 'report', protocol: 'LOCAL' },
    },
    content: Buffer.from('Subject: a report\r\n\r\nhello\r\n'),
  });

  it('are in the queue when that is said, and go where their recipient is', async () => {
    const { flow, queue, peer, ended } = await withPeer({
      answers: { MAIL: inTurn('451 4.3.0 Not now', '250 Ok') },
    });
    const id = await flow.originate(own('bob@peer.test'));
    expect(queue.entry(id)?.jobs).toMatchObject([{ destination: 'mx:peer.test' }]);
    await until(() => expect(ended).toHaveLength(1));
    expect(ended[0]).toMatchObject({ id, to: 'bob@peer.test', outcome: 'delivered', attempts: 2 });
    expect(peer.lines.join('\n')).toContain('MAIL FROM:<>');
    expect(text(peer)).toBe('Subject: a report\r\n\r\nhello\r\n.\r\n');
  });

  it('are refused while the volume is short of space, which is for the mail of others', async () => {
    const { flow, queue } = await withPeer({}, { minFreeBytes: Number.MAX_SAFE_INTEGER });
    await until(() => expect(queue.counts().full).toBe(true));
    await expect(flow.originate(own('bob@peer.test'))).rejects.toMatchObject({
      code: 452,
      enhanced: '4.3.1',
    });
    expect(queue.counts().messages).toBe(0);
  });
});
