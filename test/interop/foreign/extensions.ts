/**
 * Each extension as one message which needs it, sent to the one that has to hand it over to the other: what the other has got, what the wire
 * between them says, and what our log says. Throws what is wrong; says whether the extension was used where that is up to the sender.
 */
import PostalMime from 'postal-mime';
import { expect } from 'vitest';
import { blocks } from '../../../mta/reports/testing/blocks.ts';
import { Wire } from '../../conformance/wire.ts';
import type { Delivered } from '../../support/sink.ts';
import type { TappedTransaction } from '../../support/tap.ts';
import { waitFor } from '../../support/wait.ts';
import { LOGIN, type Way, type World } from './world.ts';

/**
 * `yes`: used, and it works. `unused`: the sender has no use for it, and mail arrives. `broken`: it fails with any client of theirs, and
 * ours comes to terms with that.
 */
export type Outcome = 'yes' | 'unused' | 'broken';
type Check = (world: World, way: Way) => Promise<Outcome>;

const latin1 = (text: string) => Buffer.from(text).toString('latin1');
const usedIf = (isUsed: boolean): Outcome => (isUsed ? 'yes' : 'unused');

interface Message {
  readonly tag: string;
  /** Local part of the recipient, before `+tag`. */
  readonly local?: string;
  readonly domain?: keyof Way['domains'];
  readonly parameters?: string;
  readonly rcptParameters?: string;
  readonly header?: string;
  readonly body?: string | Buffer;
  /** By BDAT, not by DATA. */
  readonly byChunks?: boolean;
}

interface Sent {
  readonly sender: string;
  readonly recipient: string;
  readonly content: Buffer;
}

/** From `<tag>@sender.test` to `anna+<tag>` at the other one, by whom it is that hands over. */
async function send(way: Way, message: Message): Promise<Sent> {
  const { tag, local = 'anna', domain = 'clear', body = 'hello\r\n' } = message;
  // What they know of each other should not count: a tag is new in each direction.
  const name = `${tag}.${way.direction}`;
  const sent = {
    sender: `${local === 'ånna' ? 'ånna.' : ''}${name}@sender.test`,
    recipient:
      local === 'nobody' ? `nobody@${way.domains[domain]}` : `${local}+${name}@${way.domains[domain]}`,
    content: Buffer.concat([
      Buffer.from(
        `From: <anna@sender.test>\r\nMessage-ID: <${name}@sender.test>\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\n${message.header ?? `Subject: ${tag}\r\n`}\r\n`,
      ),
      typeof body === 'string' ? Buffer.from(body) : body,
    ]),
  };
  const wire = await Wire.connect(way.entry);
  await wire.reply();
  const ask = async (line: string, code: number) =>
    expect(await wire.command(latin1(line)), line).toMatchObject({ code });
  await ask('EHLO client.test', 250);
  await ask(`MAIL FROM:<${sent.sender}>${message.parameters ?? ''}`, 250);
  await ask(`RCPT TO:<${sent.recipient}>${message.rcptParameters ?? ''}`, 250);
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

const arrival = ({ sink }: World, { recipient }: Sent): Promise<Delivered> =>
  waitFor(`mail for ${recipient}`, () => sink.messages.find(({ to }) => to.includes(latin1(recipient))));

const reports = ({ sink }: World, { sender }: Sent): Delivered[] =>
  sink.messages.filter(({ to }) => to.includes(latin1(sender)));

const report = (world: World, sent: Sent): Promise<Delivered> =>
  waitFor(`a report to ${sent.sender}`, () => reports(world, sent)[0]);

const lastTransaction = (way: Way, { recipient }: Sent): TappedTransaction => {
  const found = way.tap.transaction(recipient);
  if (found === undefined) throw new Error(`no transaction with ${recipient} between the two`);
  return found;
};

/** What arrived has the body as it was sent, byte for byte. */
function expectBody(delivered: Delivered, { content }: Sent): void {
  const bodyOf = (text: string) => text.slice(text.indexOf('\r\n\r\n') + 4);
  expect(bodyOf(delivered.content)).toBe(bodyOf(content.toString('latin1')));
}

/** Sends it, waits until it is where it belongs, and looks at our log. */
async function deliver(world: World, way: Way, message: Message) {
  const sent = await send(way, message);
  const delivered = await arrival(world, sent);
  expect(delivered.from).toBe(latin1(sent.sender));
  return { sent, delivered, logged: await logged(world, way, sent) };
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
async function statusIn({ content }: Delivered): Promise<Record<string, string>[]> {
  const { attachments } = await PostalMime.parse(Buffer.from(content, 'latin1'));
  const status = attachments.find(({ mimeType }) => /delivery-status$/.test(mimeType))?.content;
  const text = typeof status === 'string' ? status : Buffer.from((status ?? '') as ArrayBuffer).toString();
  return blocks(text).map((block) =>
    Object.fromEntries(Object.entries(block).map(([name, value]) => [name.toLowerCase(), value])),
  );
}

const MIME = (encoding: string, type = 'text/plain; charset=utf-8') =>
  `Subject: mime\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n`;
/** Lines that begin with dots, an empty one at the end. */
const DOTS = '.\r\n..\r\n.x\r\n\r\n';

/** What a message that they take can need of them: it is theirs to hand on what they announce. All others are between client and server. */
const CARRIED = new Set(['8BITMIME', 'SMTPUTF8', 'DSN', 'BINARYMIME']);

/** Whether there is anything to try: as servers they have to announce it, as clients they may use it in any case. */
export function isTried(
  { announced: { theirs, ours } }: World,
  { direction }: Way,
  extension: string,
): boolean {
  return ours.has(extension) && (theirs.has(extension) || (direction === 'sends' && !CARRIED.has(extension)));
}

export const EXTENSIONS: Readonly<Record<string, Check>> = {
  async PIPELINING(world, way) {
    const { sent, delivered } = await deliver(world, way, { tag: 'pipelining', body: DOTS });
    expectBody(delivered, sent);
    return usedIf(lastTransaction(way, sent).isPipelined);
  },

  async SIZE(world, way) {
    const fits = await deliver(world, way, { tag: 'fits', body: `${'x'.repeat(78)}\r\n`.repeat(20) });
    expectBody(fits.delivered, fits.sent);
    const isDeclared = / SIZE=\d/.test(lastTransaction(way, fits.sent).mail);

    expect(way.size * 1.5).toBeLessThan(way.entrySize);
    const lines = Math.ceil((way.size * 1.5) / 80);
    const sent = await send(way, { tag: 'size', body: `${'x'.repeat(78)}\r\n`.repeat(lines) });
    const bounce = await report(world, sent);
    // In words of their own: OpenSMTPD has no code for it, and to maddy every 552 is a 452.
    expect(bounce.content).toMatch(/\b[45]52\b|\b[45]\.3\.4\b|message too large for peer/);
    if (way.direction === 'receives') expect(await statusIn(bounce)).toMatchObject([{}, { status: '5.3.4' }]);
    expect(world.sink.messages.some(({ to }) => to.includes(sent.recipient))).toBe(false);
    // Who knows the limit from EHLO need not even ask; what is pipelined behind MAIL may be on its way by then.
    const asked = way.tap.transaction(sent.recipient);
    const isSpared = asked === undefined || asked.client.length < way.size;
    if (isDeclared && asked !== undefined) expect(asked.server).toMatch(/^552/);
    if (isDeclared) expect(isSpared).toBe(true);
    return usedIf(isSpared);
  },

  async '8BITMIME'(world, way) {
    const { sent, delivered } = await deliver(world, way, {
      ...{ tag: 'eight', parameters: ' BODY=8BITMIME', header: MIME('8bit'), body: 'Grüße\r\n' },
    });
    expectBody(delivered, sent);
    return usedIf(/ BODY=8BITMIME/.test(lastTransaction(way, sent).mail));
  },

  async SMTPUTF8(world, way) {
    const { sent, delivered } = await deliver(world, way, {
      ...{ tag: 'utf8', local: 'ånna', parameters: ' BODY=8BITMIME SMTPUTF8' },
      header: 'Subject: Grüße\r\n',
    });
    expectBody(delivered, sent);
    expect(delivered.content).toContain(latin1('Subject: Grüße\r\n'));
    return usedIf(/ SMTPUTF8/.test(lastTransaction(way, sent).mail));
  },

  async DSN(world, way) {
    const { sent } = await deliver(world, way, {
      ...{ tag: 'dsn', parameters: ' RET=HDRS ENVID=QQ+2B314159' },
      rcptParameters: ' NOTIFY=SUCCESS ORCPT=rfc822;Bob+2BX@elsewhere.test',
    });
    const { mail, rcpt } = lastTransaction(way, sent);
    expect(mail).toMatch(/ RET=HDRS\b/);
    expect(mail).toMatch(/ ENVID=QQ\+2B314159\b/);
    expect(rcpt).toMatch(/ NOTIFY=SUCCESS\b/);
    expect(rcpt).toMatch(/ ORCPT=rfc822;Bob\+2BX@elsewhere\.test/i);
    const receipt = await report(world, sent);
    expect(receipt.from).toBe('');
    const [message, recipient] = await statusIn(receipt);
    // What reports of others say of the two is theirs: Exim leaves them encoded, OpenSMTPD leaves them out.
    if (way.direction === 'sends') {
      expect(message).toMatchObject({ 'original-envelope-id': 'QQ+314159' });
      expect(recipient).toMatchObject({ 'original-recipient': 'rfc822; Bob+X@elsewhere.test' });
    }
    expect(recipient?.['final-recipient']).toMatch(
      new RegExp(`; ?${sent.recipient.replaceAll('+', '\\+')}$`),
    );
    expect(recipient?.['action']).toMatch(/^(relayed|delivered)$/);
    expect(reports(world, sent)).toHaveLength(1);
    return 'yes';
  },

  async CHUNKING(world, way) {
    const { sent, delivered } = await deliver(world, way, { tag: 'chunking', body: DOTS });
    expectBody(delivered, sent);
    return usedIf(/^BDAT /m.test(lastTransaction(way, sent).client));
  },

  async BINARYMIME(world, way) {
    const body = Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 7) % 256));
    const { sent, delivered } = await deliver(world, way, {
      ...{ tag: 'binary', parameters: ' BODY=BINARYMIME', byChunks: true },
      ...{ header: MIME('binary', 'image/png'), body },
    });
    const [part] = (await PostalMime.parse(Buffer.from(delivered.content, 'latin1'))).attachments;
    expect(Buffer.from(part!.content as ArrayBuffer).equals(body)).toBe(true);
    return usedIf(/ BODY=BINARYMIME/.test(lastTransaction(way, sent).mail));
  },

  async ENHANCEDSTATUSCODES(world, way) {
    const sent = await send(way, { tag: 'codes', local: 'nobody' });
    const bounce = await report(world, sent);
    const refusal = /^5\d\d (5\.\d+\.\d+)/m.exec(lastTransaction(way, sent).server)?.[1];
    expect(refusal).toBeDefined();
    const [, recipient] = await statusIn(bounce);
    return usedIf(recipient?.['status'] === refusal);
  },

  async STARTTLS(world, way) {
    if (way.direction === 'receives' && !world.canHandshake) {
      const { logged: line } = await deliver(world, way, { tag: 'tls', domain: 'opportunistic' });
      expect(line['tls']).toBeUndefined();
      return 'broken';
    }
    const { sent, delivered, logged: line } = await deliver(world, way, { tag: 'tls', domain: 'verified' });
    expectBody(delivered, sent);
    expect(line['tls']).toMatch(/^TLSv1\.[23]/);
    return 'yes';
  },

  async AUTH(world, way) {
    expect(await withoutLogin(way)).toMatch(/^5/);
    const { sent, delivered, logged: line } = await deliver(world, way, { tag: 'auth', domain: 'login' });
    expectBody(delivered, sent);
    if (way.direction === 'sends') {
      expect(line).toMatchObject({ user: LOGIN.username, protocol: 'ESMTPSA', listener: 'submission' });
    }
    return 'yes';
  },
};

/** What somebody hears who submits to the other one without a name: the first refusal, or the last reply. */
async function withoutLogin(way: Way): Promise<string> {
  const wire = await Wire.hello(way.submissionPort);
  await wire.command('STARTTLS');
  await wire.startTls();
  const statuses = await wire.dialogue(
    'EHLO client.test',
    'MAIL FROM:<anna@sender.test>',
    `RCPT TO:<anna@${way.domains.login}>`,
  );
  await wire.close();
  return statuses.find((status) => status.startsWith('5')) ?? statuses.at(-1)!;
}
