/** A volume without room: 452 4.3.1 for what is new, delivery of what is there, and 250 again when there is room. */
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { relay, testConfig } from '../support/config.ts';
import { describeWith } from '../support/debian.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { runOk } from '../support/processes.ts';
import { queue } from '../support/queue.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Reply, SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const MIB = 1024 * 1024;

describeWith(['root', 'mount'], 'a full disk', () => {
  let volume: string;
  let mta: Mta | undefined;
  let sink: Sink | undefined;

  afterEach(async () => {
    await mta?.kill9();
    await sink?.close();
    await runOk('umount', ['-l', volume]);
  });

  const start = async (hop: number) => {
    volume = join(temporaryFolder('volume'), 'mount');
    mkdirSync(volume);
    await runOk('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'postrider-test', volume]);
    mta = await startMta({
      config: (folder, ports) => ({
        relays: [relay('outbound', '127.0.0.1', hop)],
        queue: {
          ...testConfig(folder, ports).queue,
          path: join(volume, 'queue'),
          segmentBytes: MIB,
          minFreeBytes: 16 * MIB,
        },
      }),
    });
    return mta;
  };
  const send = async (to: string, size: number): Promise<Reply> => {
    const { client } = await SmtpClient.connect(mta!.ports.smtp);
    await client.command('EHLO client.test');
    const content = `Subject: ${to}\r\n\r\n${`${'x'.repeat(98)}\r\n`.repeat(size / 100)}`;
    const reply = await client.send({ from: 'a@sender.test', to: [to], content });
    client.close();
    return reply;
  };
  const free = () => {
    const { bavail, bsize } = statfsSync(volume);
    return bavail * bsize;
  };

  it('filled by others', async () => {
    const hop = await freePort();
    await start(hop);
    for (let number = 0; number < 20; number += 1) {
      expect((await send(`early${number}@far.test`, 10_000)).code).toBe(250);
    }
    const foreign = join(volume, 'foreign');
    writeFileSync(foreign, Buffer.alloc(Math.max(0, free() - 64 * 1024)));
    const refused = await waitFor('a refusal', async () => {
      const reply = await send('late@far.test', 10_000);
      return reply.code !== 250 && reply;
    });
    expect(refused.text).toMatch(/^452 4\.3\.1 /);
    expect((await queue(mta!)).full).toBe(true);

    sink = await startSink({ port: hop });
    await waitFor('delivery of what was there', () => sink!.messages.length >= 20, { timeoutMs: 60_000 });
    rmSync(foreign);
    await waitFor('room', async () => (await send('later@far.test', 10_000)).code === 250);
    await waitFor('delivery', () => sink!.messages.some(({ to }) => to.includes('later@far.test')));
  });

  it('filled by mail itself, and again with room after delivery', async () => {
    const hop = await freePort();
    await start(hop);
    let accepted = 0;
    const refused = await waitFor(
      'a refusal',
      async () => {
        const reply = await send(`m${accepted}@far.test`, 500_000);
        if (reply.code === 250) accepted += 1;
        return reply.code !== 250 && reply;
      },
      { everyMs: 0, timeoutMs: 60_000 },
    );
    expect(refused.text).toMatch(/^452 4\.3\.1 /);
    expect(accepted).toBeGreaterThan(50);

    sink = await startSink({ port: hop });
    await waitFor('delivery of all', () => sink!.messages.length >= accepted, { timeoutMs: 60_000 });
    await waitFor('room', async () => (await send('later@far.test', 500_000)).code === 250, {
      timeoutMs: 60_000,
    });
    const recipients = sink.messages.flatMap(({ to }) => to);
    for (let number = 0; number < accepted; number += 1) expect(recipients).toContain(`m${number}@far.test`);
  });

  it('survives a restart while it is full', async () => {
    const hop = await freePort();
    await start(hop);
    for (let number = 0; number < 5; number += 1) {
      expect((await send(`early${number}@far.test`, 10_000)).code).toBe(250);
    }
    const foreign = join(volume, 'foreign');
    writeFileSync(foreign, Buffer.alloc(Math.max(0, free() - 64 * 1024)));
    await mta!.kill9();
    sink = await startSink({ port: hop });
    await mta!.restart();
    await waitFor('delivery of what was there', () => sink!.messages.length >= 5, { timeoutMs: 60_000 });
    expect((await send('late@far.test', 10_000)).text).toMatch(/^452 4\.3\.1 /);
  });
});
