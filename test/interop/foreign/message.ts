/** One message on its way from a client, over the one that hands it over to the other, to the sink; and what can be seen of that. */
import PostalMime from 'postal-mime';
import { expect } from 'vitest';
import { blocks } from '../../../mta/reports/testing/blocks.ts';
import { Wire } from '../../conformance/wire.ts';
import type { Delivered } from '../../support/sink.ts';
import type { TappedTransaction } from '../../support/tap.ts';
import { waitFor } from '../../support/wait.ts';
import type { Way, World } from './world.ts';

export const latin1 = (text: string) => Buffer.from(text).toString('latin1');

/** An address for a client that is to be told from the servers. */
export const CLIENT = '127.0.0.5';

interface Message {
  readonly tag: string;
  /** Local part of the recipient, before `+tag`. */
  readonly local?: string;
  /** So many recipients, one where it is not given. */
  readonly recipients?: number;
  readonly domain?: keyof Way['domains'];
  readonly parameters?: string;
  readonly rcptParameters?: string;
  readonly header?: string;
  readonly body?: string | Buffer;
  /** By BDAT, not by DATA. */
  readonly byChunks?: boolean;
  /** By STARTTLS. */
  readonly secured?: boolean;
  /** Where the client connects from; 127.0.0.1 where it is not given. */
  readonly localAddress?: string;
}

export interface Sent {
  readonly sender: string;
  /** The first of them. */
  readonly recipient: string;
  readonly recipients: readonly string[];
  readonly content: Buffer;
}

/** From `<tag>@sender.test` to `anna+<tag>` at the other one, by whom it is that hands over. */
export async function send(way: Way, message: Message): Promise<Sent> {
  const { tag, local = 'anna', recipients: count = 1, domain = 'clear', body = 'hello\r\n' } = message;
  // What they know of each other should not count: a tag is new in each direction.
  const name = `${tag}.${way.direction}`;
  const detailed = local === 'nobody' ? local : `${local}+${name}`;
  const recipient = `${detailed}@${way.domains[domain]}`;
  const further = Array.from(
    { length: count - 1 },
    (_, at) => `${detailed}.${at + 2}@${way.domains[domain]}`,
  );
  const sent = {
    sender: `${local === 'ånna' ? 'ånna.' : ''}${name}@sender.test`,
    recipient,
    recipients: [recipient, ...further],
    content: Buffer.concat([
      Buffer.from(
        `From: <anna@sender.test>\r\nMessage-ID: <${name}@sender.test>\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\n${message.header ?? `Subject: ${tag}\r\n`}\r\n`,
      ),
      typeof body === 'string' ? Buffer.from(body) : body,
    ]),
  };
  const wire = await Wire.connect(
    message.secured === true ? way.securedEntry : way.entry,
    message.localAddress === undefined ? {} : { localAddress: message.localAddress },
  );
  await wire.reply();
  const ask = async (line: string, code: number) =>
    expect(await wire.command(latin1(line)), line).toMatchObject({ code });
  await ask('EHLO client.test', 250);
  if (message.secured === true) {
    await ask('STARTTLS', 220);
    await wire.startTls();
    await ask('EHLO client.test', 250);
  }
  await ask(`MAIL FROM:<${sent.sender}>${message.parameters ?? ''}`, 250);
  for (const each of sent.recipients) await ask(`RCPT TO:<${each}>${message.rcptParameters ?? ''}`, 250);
  if (message.byChunks === true) {
    wire.send(`BDAT ${sent.content.length} LAST\r\n`);
    wire.send(sent.content);
  } else {
    await ask('DATA', 354);
    wire.send(stuffed(sent.content));
    wire.send('.\r\n');
  }
  expect((await wire.reply()).code).toBe(250);
  await wire.close();
  return sent;
}

const stuffed = (content: Buffer) =>
  Buffer.from(content.toString('latin1').replaceAll('\r\n.', '\r\n..'), 'latin1');

/** What has arrived for the first recipient by now. */
export const arrived = ({ sink }: World, { recipient }: Sent): Delivered | undefined =>
  sink.messages.find(({ to }) => to.includes(latin1(recipient)));

export const arrival = (world: World, sent: Sent): Promise<Delivered> =>
  waitFor(`mail for ${sent.recipient}`, () => arrived(world, sent));

export const reports = ({ sink }: World, { sender }: Sent): Delivered[] =>
  sink.messages.filter(({ to }) => to.includes(latin1(sender)));

export const report = (world: World, sent: Sent): Promise<Delivered> =>
  waitFor(`a report to ${sent.sender}`, () => reports(world, sent)[0]);

export const lastTransaction = (way: Way, { recipient }: Sent): TappedTransaction => {
  const found = way.tap.transaction(recipient);
  if (found === undefined) throw new Error(`no transaction with ${recipient} between the two`);
  return found;
};

/** What arrived has the body as it was sent, byte for byte. */
export function expectBody(delivered: Delivered, { content }: Sent): void {
  const bodyOf = (text: string) => text.slice(text.indexOf('\r\n\r\n') + 4);
  expect(bodyOf(delivered.content)).toBe(bodyOf(content.toString('latin1')));
}

/** Sends it, waits until it is where it belongs, and looks at our log. */
export async function deliver(world: World, way: Way, message: Message) {
  const sent = await send(way, message);
  const delivered = await arrival(world, sent);
  expect(delivered.from).toBe(latin1(sent.sender));
  return { sent, delivered, logged: await logged(world, way, sent) };
}

/** What our log says of its end with us. */
export function end({ mta }: World, { recipient }: Sent): Promise<Record<string, unknown>> {
  const isIt = (line: Record<string, unknown>) => line['msg'] === 'ended' && line['to'] === recipient;
  return waitFor(`the end of ${recipient} with us`, () => mta.log().find(isIt));
}

/** Our record of it: that it was taken from them, or that they took it. */
function logged({ mta }: World, { direction }: Way, { recipient }: Sent): Promise<Record<string, unknown>> {
  const isIt = (line: Record<string, unknown>) =>
    direction === 'sends'
      ? line['msg'] === 'accepted' && (line['to'] as string[]).includes(recipient)
      : line['msg'] === 'ended' && line['to'] === recipient && line['outcome'] === 'delivered';
  return waitFor(`our log's word of ${recipient}`, () => mta.log().find(isIt));
}

/** Fields by their names in lower case. */
export async function statusIn({ content }: Delivered): Promise<Record<string, string>[]> {
  const { attachments } = await PostalMime.parse(Buffer.from(content, 'latin1'));
  const status = attachments.find(({ mimeType }) => /delivery-status$/.test(mimeType))?.content;
  const text = typeof status === 'string' ? status : Buffer.from((status ?? '') as ArrayBuffer).toString();
  return blocks(text).map((block) =>
    Object.fromEntries(Object.entries(block).map(([name, value]) => [name.toLowerCase(), value])),
  );
}
