/** RFC 6409 §8: what a submission server adds to a message, and what a relay doesn't. */
import PostalMime from 'postal-mime';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { type Relay, startRelay, stopRelays } from './relay.ts';
import { Wire } from './wire.ts';

afterEach(stopRelays);

async function sent(relay: Relay, content: string): Promise<string> {
  const wire = await Wire.hello(relay.port);
  await wire.dialogue('MAIL FROM:<anna@sender.test>', 'RCPT TO:<bob@peer.test>', 'DATA');
  wire.send(`${content}.\r\n`);
  expect((await wire.reply()).status).toBe('250 2.0.0');
  await waitFor('it to have ended', () => relay.ended.length > 0);
  return relay.peer.contents[0]!.toString();
}

describe('RFC 6409 §8: on a submission listener', () => {
  it('§8.2 and §8.3: Date and Message-ID are added where they are missing, and an author', async () => {
    const relay = await startRelay({ listener: { role: 'submission' } });
    const content = await sent(relay, 'Subject: x\r\n\r\nbody\r\n');
    const mail = await PostalMime.parse(content);
    expect(Date.now() - Date.parse(mail.date!)).toBeLessThan(60_000);
    expect(mail.messageId).toMatch(/^<[0-9a-f]{30}@mx\.ours\.test>$/);
    expect(mail.from?.address).toBe('anna@sender.test');
    // Our trace comes first (RFC 5321 §4.4), and what the client sent is as it was.
    expect(content).toMatch(/^Received: [\s\S]*\r\nSubject: x\r\n\r\nbody\r\n\.\r\n$/);
  });

  it('what is there stays, byte for byte', async () => {
    const relay = await startRelay({ listener: { role: 'submission' } });
    const mine =
      'date: yesterday\r\nMESSAGE-ID:\r\n <mine@sender.test>\r\nFrom: Anna <anna@sender.test>\r\n\r\nbody\r\n';
    const content = await sent(relay, mine);
    expect(content.slice(content.indexOf('date:'))).toBe(`${mine}.\r\n`);
    expect(content.match(/^Date:|^From:|^Message-ID:/gim)).toHaveLength(3);
  });
});

describe('RFC 5321 §6.4: on any other listener', () => {
  it('nothing is added but the trace', async () => {
    const relay = await startRelay();
    const content = await sent(relay, 'Subject: x\r\n\r\nbody\r\n');
    expect(content).toMatch(/^Received: (?:[^\r]|\r\n\t)*\r\nSubject: x\r\n\r\nbody\r\n\.\r\n$/);
  });
});
