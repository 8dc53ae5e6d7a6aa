/** RFC 1870: message size declaration. */
import { afterEach, describe, expect, it } from 'vitest';
import { startRelay, stopRelays } from './relay.ts';
import { eventually, serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);
afterEach(stopRelays);

const limits = { messageSize: 1000 };

describe('RFC 1870: SIZE', () => {
  it('§6.1: a declared size above the limit is refused at MAIL with 552 5.3.4', async () => {
    const { port } = await serve({ limits });
    const wire = await Wire.hello(port);
    expect(
      await wire.dialogue(
        'MAIL FROM:<> SIZE=1001',
        'MAIL FROM:<> SIZE=99999999999999999999',
        'MAIL FROM:<> SIZE=1000',
      ),
    ).toEqual(['552 5.3.4', '552 5.3.4', '250 2.1.0']);
  });

  it('§6.3: a wrong declaration is found out while receiving, and nothing more is stored', async () => {
    const server = await serve({ limits });
    const wire = await Wire.hello(server.port);
    await wire.dialogue('MAIL FROM:<> SIZE=10', 'RCPT TO:<anna@example.test>', 'DATA');
    wire.send(`${'x'.repeat(98)}\r\n`.repeat(11));
    await eventually(() => server.aborted.length === 1);
    wire.send(`${'x'.repeat(98)}\r\n`.repeat(100));
    wire.send('.\r\n');
    expect((await wire.reply()).status).toBe('552 5.3.4');
    expect(server.aborted[0]!.length).toBeLessThanOrEqual(1000);
    expect((await wire.command('NOOP')).status).toBe('250 2.0.0');
  });

  it('§5: counts octets without the dots of transparency', async () => {
    const server = await serve({ limits });
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send(`..${'x'.repeat(97)}\r\n`.repeat(10));
    expect((await wire.command('.')).status).toBe('250 2.0.0');
    expect(server.accepted[0]!.content.length).toBe(1000);
  });

  it('§3: SIZE 0 announces that there is no limit', async () => {
    const { port } = await serve({ limits: { messageSize: 0 } });
    const wire = await Wire.connect(port);
    await wire.reply();
    expect((await wire.command('EHLO x')).lines).toContain('SIZE 0');
    expect((await wire.command('MAIL FROM:<> SIZE=5000000000')).status).toBe('250 2.1.0');
  });

  it('§6.1: MAIL is refused with 452 4.3.1 while the volume of the queue is short of space, for a message of any size', async () => {
    const relay = await startRelay({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    const wire = await Wire.hello(relay.port);
    // The volume is asked in the background.
    await expect
      .poll(async () => (await wire.dialogue('MAIL FROM:<a@sender.test> SIZE=10', 'RSET'))[0])
      .toBe('452 4.3.1');
    expect(await wire.dialogue('MAIL FROM:<a@sender.test>', 'QUIT')).toEqual(['452 4.3.1', '221 2.0.0']);
  });
});
