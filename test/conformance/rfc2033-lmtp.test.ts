/** RFC 2033 as a client: LMTP to the store of a domain, with a reply for each recipient. */
import { afterEach, describe, expect, it } from 'vitest';
import { CUT, type Says, type Script } from '../../mta/deliver/testing/peer.ts';
import { waitFor } from '../support/wait.ts';
import { startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

const [BOB, CAROL, DAVE] = ['bob@peer.test', 'carol@peer.test', 'dave@peer.test'];
const OK = '250 2.1.5 ok';
const LMTP = '250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES';
const WITHOUT_PIPELINING = '250-peer.test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES';

/** A message to these, by LMTP, until nothing more of it is due at once. */
async function deliver(script: Script, to: readonly string[] = [BOB, CAROL]) {
  const relay = await startRelay({ peer: script, protocol: 'lmtp' });
  await relay.accept({ from: 'anna@sender.test', to });
  const own = () => relay.ended.filter(({ from }) => from !== '');
  await waitFor('all to have ended', () => own().length === to.length);
  return {
    relay,
    lines: relay.peer.lines,
    ended: own()
      .map(({ to: address, outcome, attempts }) => `${address} ${outcome} ${attempts}`)
      .sort(),
  };
}

/** The first time the one, then the other. */
const once = (first: Says, then: Says) => {
  let isFirst = true;
  return (): Says => {
    const says = isFirst ? first : then;
    isFirst = false;
    return says;
  };
};

describe('RFC 2033 §4.1: LHLO', () => {
  it('is said in place of EHLO', async () => {
    const { lines } = await deliver({ answers: { content: [OK, OK] } });
    expect(lines[0]).toBe('LHLO mx.ours.test');
    expect(lines.filter((line) => /^(EHLO|HELO)/.test(line))).toEqual([]);
  });

  it.each(['500 5.5.1 what?', '502 5.5.1 not here'])(
    'that nobody knows there (%s) is followed by neither EHLO nor HELO, and bounces nothing: config is wrong',
    async (LHLO) => {
      const { lines, ended, relay } = await deliver({ answers: { LHLO: once(LHLO, LMTP), content: OK } }, [
        BOB,
      ]);
      expect(lines.slice(0, 2)).toEqual(['LHLO mx.ours.test', 'LHLO mx.ours.test']);
      expect(relay.attempted[0]!.reply).toMatchObject({ code: 451, enhanced: '4.3.5' });
      expect(ended).toEqual([`${BOB} delivered 2`]);
    },
  );

  it('that is refused otherwise is a refusal', async () => {
    const { ended } = await deliver({ answers: { LHLO: '550 5.7.1 not you' } }, [BOB]);
    expect(ended).toEqual([`${BOB} bounced 1`]);
  });

  it('tells of extensions as EHLO does', async () => {
    const { lines } = await deliver({
      answers: { LHLO: '250-peer.test\r\n250-SIZE 1000\r\n250 DSN', content: [OK, OK] },
    });
    expect(lines).toContainEqual(expect.stringMatching(/^MAIL FROM:<anna@sender\.test> SIZE=\d+$/));
  });
});

describe('RFC 2033 §4.2: DATA', () => {
  it.each([
    ['with PIPELINING', undefined],
    ['without it', WITHOUT_PIPELINING],
  ])('has a reply for each recipient that was accepted, in their order, %s', async (_, hello) => {
    const { ended, relay } = await deliver(
      {
        answers: {
          ...(hello && { LHLO: hello }),
          RCPT: (line) => (line.includes(CAROL) ? '550 5.1.1 no such user' : OK),
          content: once(['250 2.0.0 stored', '452 4.2.2 over quota'], OK),
        },
      },
      [BOB, CAROL, DAVE],
    );
    expect(ended).toEqual([`${BOB} delivered 1`, `${CAROL} bounced 1`, `${DAVE} delivered 2`]);
    // Only who had none has it once more.
    expect(relay.peer.lines.filter((line) => line.startsWith('RCPT'))).toEqual([
      ...[BOB, CAROL, DAVE, DAVE].map((to) => `RCPT TO:<${to}>`),
    ]);
  });

  it('has a reply of several lines for one recipient', async () => {
    const { ended } = await deliver({
      answers: { content: ['250-2.0.0 stored\r\n250 2.0.0 in two copies', '550 5.2.1 disabled'] },
    });
    expect(ended).toEqual([`${BOB} delivered 1`, `${CAROL} bounced 1`]);
  });

  it('has a reply for each of two successful RCPTs with the same address', async () => {
    const { ended } = await deliver({ answers: { content: [OK, '550 5.2.1 disabled'] } }, [BOB, BOB]);
    expect(ended).toEqual([`${BOB} bounced 1`, `${BOB} delivered 1`]);
  });

  it('that is refused with 503, as no RCPT was successful, changes nothing of their refusals', async () => {
    const { ended, relay } = await deliver({
      answers: { RCPT: '550 5.1.1 no such user', DATA: '503 5.5.1 no valid recipients' },
    });
    expect(ended).toEqual([`${BOB} bounced 1`, `${CAROL} bounced 1`]);
    expect(relay.peer.contents).toEqual([]);
  });

  it('with all replies the same, but one, bounces the one alone, in one report', async () => {
    const { relay } = await deliver({ answers: { content: [OK, '554 5.6.0 no'] } });
    await waitFor('the report', () => relay.inbox.contents.length === 1);
    const text = relay.inbox.contents[0]!.toString();
    expect(text).toContain(`Final-Recipient: rfc822; ${CAROL}`);
    expect(text).not.toContain(`Final-Recipient: rfc822; ${BOB}`);
  });
});

describe('RFC 2033 §5: a connection that closes between the replies', () => {
  it('leaves who had one with it, and the rest to be tried again', async () => {
    const { ended, relay } = await deliver({ answers: { content: once(['250 2.0.0 stored', CUT], OK) } });
    expect(ended).toEqual([`${BOB} delivered 1`, `${CAROL} delivered 2`]);
    expect(relay.attempted.find(({ to, attempts }) => to === CAROL && attempts === 1)!.reply.code).toBe(451);
  });
});

describe('RFC 2033 §4.3: BDAT', () => {
  it('LAST has a reply for each recipient, and a chunk before it has one', async () => {
    const relay = await startRelay({
      protocol: 'lmtp',
      peer: {
        answers: {
          LHLO: '250-peer.test\r\n250-CHUNKING\r\n250 BINARYMIME',
          content: [OK, '550 5.2.1 disabled'],
        },
      },
    });
    const wire = await Wire.hello(relay.port);
    await wire.dialogue(
      'MAIL FROM:<anna@sender.test> BODY=BINARYMIME',
      ...[BOB, CAROL].map((to) => `RCPT TO:<${to}>`),
    );
    wire.send('BDAT 16 LAST\r\nSubject: x\r\n\r\n\0\x01');
    expect((await wire.reply()).status).toBe('250 2.0.0');
    await waitFor('both to have ended', () => relay.ended.filter(({ from }) => from !== '').length === 2);
    expect(relay.peer.lines.at(-1)).toBe('BDAT 0 LAST');
    expect(
      relay.ended
        .filter(({ from }) => from !== '')
        .map(({ to, outcome }) => `${to} ${outcome}`)
        .sort(),
    ).toEqual([`${BOB} delivered`, `${CAROL} bounced`]);
  });
});
