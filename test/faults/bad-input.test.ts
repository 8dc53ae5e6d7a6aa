/** Clients that send too much, too long or too slowly come to a clear end, and cost the mta no memory to speak of. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS, listener, relay } from '../support/config.ts';
import { type Mta, startMta } from '../support/mta.ts';
import { freePort } from '../support/ports.ts';
import { tree } from '../support/processes.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';

const MIB = 1024 * 1024;
const LINE = `${'0123456789'.repeat(9)}abcdefgh\r\n`;

function residentMiB(mta: Mta): number {
  return tree(mta.running.pid)
    .map(({ pid }) =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0),
    )
    .reduce((sum, kib) => sum + kib / 1024, 0);
}

/** Writes as fast as the server reads; stops when the connection ends. */
async function pour(client: SmtpClient, chunk: Buffer, times: number): Promise<void> {
  for (let count = 0; count < times && client.socket.writable; count += 1) {
    if (!client.socket.write(chunk)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          client.socket.off('drain', go);
          client.socket.off('close', go);
          resolve();
        };
        client.socket.once('drain', go);
        client.socket.once('close', go);
      });
    }
  }
}

describe('bad input', () => {
  let sink: Sink;
  let mta: Mta;
  let ports: { large: number; slow: number; paced: number };

  beforeAll(async () => {
    sink = await startSink();
    ports = { large: await freePort(), slow: await freePort(), paced: await freePort() };
    mta = await startMta({
      config: (_, { smtp }) => ({
        workers: 1,
        relays: [relay('outbound', '127.0.0.1', sink.port)],
        listeners: [
          listener(smtp, { limits: { ...LIMITS, messageSize: 20 * MIB } }),
          listener(ports.large, { name: 'large', limits: { ...LIMITS, messageSize: 200 * MIB } }),
          listener(ports.slow, { name: 'slow', limits: { ...LIMITS, sessionSeconds: 4 } }),
          listener(ports.paced, { name: 'paced', limits: { ...LIMITS, minDataRate: 100 } }),
        ],
      }),
    });
  });
  afterAll(async () => {
    await mta?.stop();
    await sink?.close();
  });

  const transaction = async (port: number, to: string) => {
    const { client } = await SmtpClient.connect(port);
    await client.command('EHLO client.test');
    expect((await client.command('MAIL FROM:<a@sender.test>')).code).toBe(250);
    expect((await client.command(`RCPT TO:<${to}>`)).code).toBe(250);
    expect((await client.command('DATA')).code).toBe(354);
    return client;
  };
  const stillServes = async () => {
    const { client } = await SmtpClient.connect(mta.ports.smtp);
    await client.command('EHLO client.test');
    const reply = await client.send({
      from: 'a@sender.test',
      to: ['ok@far.test'],
      content: 'Subject: x\r\n\r\n',
    });
    client.close();
    expect(reply.code).toBe(250);
  };

  it('a 100 MB message above the limit is refused: by SIZE at MAIL, and after DATA where it was not said', async () => {
    const { client } = await SmtpClient.connect(mta.ports.smtp);
    await client.command('EHLO client.test');
    const declared = await client.command(`MAIL FROM:<a@sender.test> SIZE=${100 * MIB}`);
    expect(declared.text).toMatch(/^552 5\.3\.4 /);
    client.close();

    const other = await transaction(mta.ports.smtp, 'large@far.test');
    const reply = other.reply();
    await pour(other, Buffer.from(LINE.repeat(650)), Math.ceil((100 * MIB) / (LINE.length * 650)));
    other.write('.\r\n');
    expect((await reply).text).toMatch(/^552 5\.3\.4 /);
    other.close();
    await stillServes();
  });

  it('a 100 MB message within the limit arrives whole, in bounded memory', async () => {
    const before = residentMiB(mta);
    let peak = before;
    const timer = setInterval(() => {
      peak = Math.max(peak, residentMiB(mta));
    }, 50);
    const client = await transaction(ports.large, 'whole@far.test');
    const chunk = Buffer.from(LINE.repeat(650));
    const times = Math.ceil((100 * MIB) / chunk.length);
    const hash = createHash('sha256').update('Subject: large\r\n\r\n');
    for (let count = 0; count < times; count += 1) hash.update(chunk);
    client.write('Subject: large\r\n\r\n');
    await pour(client, chunk, times);
    const reply = await client.command('.');
    expect(reply.code).toBe(250);
    client.close();
    const message = await waitFor(
      'the large message',
      () => sink.messages.find(({ to }) => to.includes('whole@far.test')),
      { timeoutMs: 60_000 },
    );
    clearInterval(timer);
    const content = message.content.slice(message.content.indexOf('Subject: large\r\n'));
    expect(createHash('sha256').update(content, 'latin1').digest('hex')).toBe(hash.digest('hex'));
    expect(peak - before).toBeLessThan(150);
  });

  it('a line of 10 MB in DATA is refused with 5.6.0, and nothing of it is delivered', async () => {
    const client = await transaction(mta.ports.smtp, 'long-line@far.test');
    const reply = client.reply();
    client.write('Subject: long\r\n\r\n');
    await pour(client, Buffer.alloc(64 * 1024, 'x'), 160);
    client.write('\r\n.\r\n');
    expect((await reply).text).toMatch(/^554 5\.6\.0 /);
    client.close();
    await stillServes();
    expect(sink.messages.some(({ to }) => to.includes('long-line@far.test'))).toBe(false);
  });

  it('a command of 10 MB is refused with 500, or the connection is closed with it', async () => {
    const before = residentMiB(mta);
    const { client } = await SmtpClient.connect(mta.ports.smtp);
    const reply = client.reply();
    await pour(client, Buffer.alloc(64 * 1024, 'x'), 160);
    client.write('\r\n');
    expect((await reply).text).toMatch(/^(500 5\.5\.2|421) /);
    expect(residentMiB(mta) - before).toBeLessThan(60);
    client.close();
    await stillServes();
  });

  it('a command at one byte a second ends with its session', async () => {
    const { client } = await SmtpClient.connect(ports.slow);
    const began = performance.now();
    const reply = client.reply();
    const drip = setInterval(() => client.socket.writable && client.write('N'), 1000);
    try {
      expect((await reply).text).toMatch(/^421 4\.(7\.0|4\.2) /);
      expect(performance.now() - began).toBeLessThan(10_000);
      await expect(client.reply()).rejects.toThrow();
    } finally {
      clearInterval(drip);
      client.close();
    }
  });

  it('DATA at one byte a second ends with 421 4.4.2', async () => {
    const client = await transaction(ports.paced, 'slow@far.test');
    const reply = client.reply();
    const drip = setInterval(() => client.socket.writable && client.write('x'), 1000);
    try {
      expect((await reply).text).toMatch(/^421 4\.4\.2 /);
    } finally {
      clearInterval(drip);
      client.close();
    }
    await stillServes();
  });
});
