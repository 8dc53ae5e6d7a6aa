/** RFC 2920: pipelining. */
import { afterEach, describe, expect, it } from 'vitest';
import { serve, stopAll } from './server.ts';
import { Wire } from './wire.ts';

afterEach(stopAll);

describe('RFC 2920 §3.2: pipelining', () => {
  it('answers a group in order, and in one piece', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    wire.chunks.length = 0;
    wire.send(
      'MAIL FROM:<>\r\nRCPT TO:<anna@example.test>\r\nRCPT TO:<no@example.test>\r\nRCPT TO:<bert@example.test>\r\nDATA\r\n',
    );
    expect(await wire.replies(5)).toEqual(['250 2.1.0', '250 2.1.5', '550 5.1.1', '250 2.1.5', '354']);
    expect(wire.chunks).toHaveLength(1);
  });

  it('takes a group behind the final dot, and answers that first', async () => {
    const server = await serve();
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 50));
    server.hooks.commit = slow;
    const wire = await Wire.hello(server.port);
    const group = 'MAIL FROM:<>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n';
    wire.send(group);
    await wire.replies(3);
    wire.send(`one\r\n.\r\n${group}`);
    expect(await wire.replies(4)).toEqual(['250 2.0.0', '250 2.1.0', '250 2.1.5', '354']);
    wire.send('two\r\n.\r\nRSET\r\nQUIT\r\n');
    expect(await wire.replies(3)).toEqual(['250 2.0.0', '250 2.0.0', '221 2.0.0']);
    expect(server.accepted.map(({ content }) => content)).toEqual(['one\r\n', 'two\r\n']);
  });

  it('a group whose recipients are all refused takes no content', async () => {
    const { port } = await serve();
    const wire = await Wire.hello(port);
    wire.send('MAIL FROM:<>\r\nRCPT TO:<no@example.test>\r\nRCPT TO:<x@elsewhere.test>\r\nDATA\r\n');
    expect(await wire.replies(4)).toEqual(['250 2.1.0', '550 5.1.1', '550 5.7.1', '554 5.5.1']);
    expect((await wire.command('RSET')).status).toBe('250 2.0.0');
  });

  it('answers whatever the group is cut into', async () => {
    const server = await serve();
    const wire = await Wire.hello(server.port);
    const group = 'MAIL FROM:<>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n';
    for (let at = 0; at < group.length; at += 7) await wire.sendAll(Buffer.from(group.slice(at, at + 7)));
    expect(await wire.replies(3)).toEqual(['250 2.1.0', '250 2.1.5', '354']);
  });

  it('a client that closes its side behind QUIT gets all of its replies', async () => {
    const server = await serve();
    server.hooks.commit = () => new Promise((resolve) => setTimeout(resolve, 20));
    const wire = await Wire.hello(server.port);
    await wire.startContent();
    wire.send('x\r\n.\r\nQUIT\r\n');
    wire.finish();
    expect(await wire.replies(2)).toEqual(['250 2.0.0', '221 2.0.0']);
    expect(server.accepted).toHaveLength(1);
  });
});
