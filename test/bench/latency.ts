/** Time from the final dot to its 250, which smtp-source doesn't tell. */
import { SmtpClient } from '../support/smtp-client.ts';

/** @param size in bytes, of its body at least */
export function messageOf(size: number): string {
  const line = `${'x'.repeat(76)}\r\n`;
  return `From: <from@source.test>\r\nSubject: latency\r\n\r\n${line.repeat(Math.ceil(size / line.length))}`;
}

/** Sends `messages` over `sessions` kept connections; gives the sorted latencies in ms. */
export async function latencies(
  port: number,
  sessions: number,
  messages: number,
  size: number,
): Promise<number[]> {
  const content = messageOf(size);
  const taken: number[] = [];
  let left = messages;
  const session = async () => {
    const { client } = await SmtpClient.connect(port);
    await client.command('EHLO source.test');
    while (left > 0) {
      left -= 1;
      await client.command('MAIL FROM:<from@source.test>');
      await client.command('RCPT TO:<to@sink.test>');
      await client.command('DATA');
      client.write(content);
      const began = performance.now();
      const reply = await client.command('.');
      if (reply.code !== 250) throw new Error(`refused: ${reply.text}`);
      taken.push(performance.now() - began);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: sessions }, session));
  return taken.sort((a, b) => a - b);
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
