/** Mail to an mta with a backlog, or without: how fast it is taken, and how soon it is delivered. */
import { SmtpClient } from '../support/smtp-client.ts';
import { waitFor } from '../support/wait.ts';
import type { BacklogWorld } from './backlog-world.ts';
import { percentile } from './latency.ts';

const CONTENT = `From: <from@source.test>\r\nSubject: fresh\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(26)}`;

export interface AcceptFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Sends to these addresses over `sessions` kept connections. @param onAccept told of each, with its 250 */
export async function accept(
  port: number,
  addresses: readonly string[],
  sessions: number,
  onAccept: (address: string) => void = () => {},
): Promise<AcceptFigures> {
  const taken: number[] = [];
  let next = 0;
  const session = async () => {
    const { client } = await SmtpClient.connect(port);
    await client.command('EHLO source.test');
    for (let address = addresses[next++]; address !== undefined; address = addresses[next++]) {
      await client.command('MAIL FROM:<from@source.test>');
      await client.command(`RCPT TO:<${address}>`);
      await client.command('DATA');
      client.write(CONTENT);
      const began = performance.now();
      const reply = await client.command('.');
      if (reply.code !== 250) throw new Error(`refused: ${reply.text}`);
      taken.push(performance.now() - began);
      onAccept(address);
    }
    client.close();
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: sessions }, session));
  const perSecond = addresses.length / ((performance.now() - began) / 1000);
  taken.sort((a, b) => a - b);
  return { perSecond, p50Ms: percentile(taken, 0.5), p99Ms: percentile(taken, 0.99) };
}

export interface DeliveryFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** From the 250 to the moment when the next hop has the message, one after the other every `everyMs`. */
export async function delivered(
  port: number,
  world: BacklogWorld,
  addresses: readonly string[],
  everyMs: number,
): Promise<DeliveryFigures> {
  const accepted = new Map<string, number>();
  for (const address of addresses) {
    await accept(port, [address], 1, (each) => accepted.set(each, performance.now()));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  await waitFor('fresh mail to be delivered', () => addresses.every((each) => world.quick.has(each)), {
    timeoutMs: 600_000,
    everyMs: 20,
  });
  const taken = addresses
    .map((each) => Math.max(0, world.quick.get(each)! - accepted.get(each)!))
    .sort((a, b) => a - b);
  return { p50Ms: percentile(taken, 0.5), p99Ms: percentile(taken, 0.99), worstMs: taken.at(-1)! };
}
