/** RFC 7504: hosts that accept no mail, and say so. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Script } from '../../mta/deliver/testing/peer.ts';
import { waitFor } from '../support/wait.ts';
import { type RelayOptions, startRelay, stopRelays } from './relay.ts';

afterEach(stopRelays);

/** What becomes of a message to bob. */
async function ending(peer: Script, more: RelayOptions = {}) {
  const relay = await startRelay({ peer, ...more });
  await relay.accept({ to: ['bob@peer.test'] });
  const ended = await waitFor('it to have ended', () => relay.ended[0]);
  return { relay, ended };
}

const NO_MAIL = '521 5.3.2 Host does not accept mail';

describe('RFC 7504 §3: 521', () => {
  it('for a greeting is the end, at the first attempt, and nothing is asked of that host', async () => {
    const { relay, ended } = await ending({ greeting: NO_MAIL });
    expect(ended).toMatchObject({
      ...{ outcome: 'bounced', attempts: 1 },
      reply: { code: 521, enhanced: '5.3.2', remote: 'peer.test' },
    });
    expect(relay.peer.lines).toEqual([]);
    expect(relay.peer.connections()).toBe(1);
    await waitFor('the report', () => relay.inbox.contents.length > 0);
  });

  it('for a greeting says nothing of the next host, which is asked', async () => {
    const { relay, ended } = await ending({ greeting: NO_MAIL }, { other: {} });
    expect(ended).toMatchObject({ outcome: 'delivered', attempts: 1 });
    expect(relay.other!.contents).toHaveLength(1);
  });

  it('for a greeting bounces nothing while another host may only be down', async () => {
    let isDown = true;
    const greeting = () => {
      const says = isDown ? '421 4.3.2 busy' : '220 other.test';
      isDown = false;
      return says;
    };
    const { ended } = await ending({ greeting: NO_MAIL }, { other: { greeting } });
    expect(ended).toMatchObject({ outcome: 'delivered', attempts: 2 });
  });

  it.each(['EHLO', 'MAIL'])('to %s is refused for good, as any 5yz', async (verb) => {
    // A host that does not know EHLO is asked by HELO.
    const { relay, ended } = await ending({ answers: { [verb]: NO_MAIL, HELO: NO_MAIL } });
    expect(ended).toMatchObject({ outcome: 'bounced', attempts: 1, reply: { code: 521 } });
    expect(relay.peer.contents).toEqual([]);
  });
});

describe('RFC 7504 §4: 556', () => {
  it('to RCPT is handled as any other permanent refusal: of that recipient alone', async () => {
    const relay = await startRelay({
      peer: {
        answers: {
          RCPT: (line) => (/bob/.test(line) ? '556 5.1.10 Domain does not accept mail' : '250 2.1.5 ok'),
        },
      },
    });
    await relay.accept({ to: ['bob@peer.test', 'carol@peer.test'] });
    await waitFor('both to have ended', () => relay.ended.length >= 2);
    const ended = relay.ended.filter(({ from }) => from !== '');
    expect(ended.map(({ to, outcome, attempts }) => [to, outcome, attempts]).sort()).toEqual([
      ['bob@peer.test', 'bounced', 1],
      ['carol@peer.test', 'delivered', 1],
    ]);
    expect(ended.find(({ to }) => to.startsWith('bob'))!.reply).toMatchObject({
      ...{ code: 556, enhanced: '5.1.10' },
    });
  });
});
