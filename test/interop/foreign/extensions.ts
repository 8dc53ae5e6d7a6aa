/**
 * Each extension as one message which needs it, sent to the one that has to hand it over to the other: what the other has got, what the wire
 * between them says, and what our log says. Throws what is wrong; says whether the extension was used where that is up to the sender.
 */
import PostalMime from 'postal-mime';
import { expect } from 'vitest';
import { Wire } from '../../conformance/wire.ts';
import { waitFor } from '../../support/wait.ts';
import {
  arrival,
  arrived,
  CLIENT,
  deliver,
  end,
  expectBody,
  lastTransaction,
  latin1,
  report,
  reports,
  send,
  statusIn,
} from './message.ts';
import { LOGIN, type Way, type World } from './world.ts';

/**
 * `yes`: used, and it works. `unused`: the sender doesn't use it, and mail arrives. `broken`: it fails with any client of theirs, and
 * ours comes to terms with that.
 */
export type Outcome = 'yes' | 'unused' | 'broken';
type Check = (world: World, way: Way) => Promise<Outcome>;

const usedIf = (isUsed: boolean): Outcome => (isUsed ? 'yes' : 'unused');

const MIME = (encoding: string, type = 'text/plain; charset=utf-8') =>
  `Subject: mime\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n`;
/** Lines that begin with dots, an empty one at the end. */
const DOTS = '.\r\n..\r\n.x\r\n\r\n';

/**
 * What they have to know as servers even where they send: what a message that they take can need of them, and ETRN, by which they are
 * asked for it. All others are between client and server.
 */
const THEIRS_AS_SERVERS = new Set(['8BITMIME', 'SMTPUTF8', 'DSN', 'BINARYMIME', 'REQUIRETLS', 'ETRN']);

/** Whether there is anything to try: as servers they have to announce it, as clients they may use it in any case. */
export function isTried(
  { announced: { theirs, ours } }: World,
  { direction }: Way,
  extension: string,
): boolean {
  return (
    ours.has(extension) &&
    (theirs.has(extension) || (direction === 'sends' && !THEIRS_AS_SERVERS.has(extension)))
  );
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

  async REQUIRETLS(world, way) {
    const message = {
      tag: 'requiretls',
      domain: 'verified',
      parameters: ' REQUIRETLS',
      secured: true,
    } as const;
    const line = await end(world, await send(way, message));
    // Behind each of them is a host without TLS: who has been told of it hands it on to nobody.
    const reply = line['reply'] as string;
    if (way.direction === 'sends') return usedIf(/^550 5\.7\.10 /.test(reply));
    expect(line).toMatchObject({ outcome: 'delivered', tls: expect.stringMatching(/^TLSv1\.[23]/) });
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

  async LIMITS(world, way) {
    const sent = await send(way, { tag: 'limits', recipients: way.recipients + 2 });
    const arrivedFor = () =>
      sent.recipients.filter((each) => world.sink.messages.some(({ to }) => to.includes(each)));
    await waitFor('as many as are taken at a time', () => arrivedFor().length >= way.recipients);
    const transactions = sent.recipients.map((each) => way.tap.transaction(each));
    const asked = transactions.map((each) => each?.client.match(/^RCPT TO:/gm)?.length ?? 0);
    const most = Math.max(...asked);
    if (most > way.recipients) {
      // Theirs to send later; some do in a second, others in a quarter of an hour.
      const refusals = transactions[asked.indexOf(most)]?.server.match(/^452 4\.5\.3 /gm);
      expect(refusals).toHaveLength(most - way.recipients);
      return 'unused';
    }
    await waitFor('the others', () => arrivedFor().length === sent.recipients.length);
    for (const each of sent.recipients) expect(way.tap.transaction(each)?.server).not.toMatch(/^452/m);
    return usedIf(most > 1);
  },

  async ETRN(world, way) {
    const sent = await send(way, { tag: 'etrn', domain: 'held' });
    // What came behind it has arrived, so would it have.
    await deliver(world, way, { tag: 'behind-etrn' });
    expect(arrived(world, sent)).toBeUndefined();
    // No server asks of itself: that is for a script or a person.
    const wire = await Wire.hello(way.entry);
    expect((await wire.command(`ETRN ${way.domains.held}`)).code).toBeOneOf([250, 253]);
    await wire.close();
    expectBody(await arrival(world, sent), sent);
    expect(lastTransaction(way, sent).mail).toContain(`<${sent.sender}>`);
    return 'yes';
  },

  async XCLIENT(world, way) {
    const message = { tag: 'xclient', domain: 'proxied', localAddress: CLIENT } as const;
    const { sent, delivered, logged: line } = await deliver(world, way, message);
    expectBody(delivered, sent);
    const isUsed = /^XCLIENT /m.test(lastTransaction(way, sent).before);
    if (isUsed) {
      expect(line).toMatchObject({ client: CLIENT, helo: 'client.test' });
      expect(delivered.content).toMatch(/^Received: from client\.test \(\[127\.0\.0\.5\]\)\r$/m);
    }
    return usedIf(isUsed);
  },

  async XFORWARD(world, way) {
    const message = { tag: 'xforward', localAddress: CLIENT };
    const { sent, delivered, logged: line } = await deliver(world, way, message);
    expectBody(delivered, sent);
    const isUsed = /^XFORWARD /m.test(lastTransaction(way, sent).before);
    if (isUsed) {
      const told = { client: CLIENT, clientPort: expect.any(Number), helo: 'client.test', protocol: 'ESMTP' };
      expect(line).toMatchObject({ ...told, via: '127.0.0.1', source: 'REMOTE' });
      // Their id for it, which their Received field has, too. Ours tells who has spoken with us.
      expect(delivered.content).toMatch(new RegExp(`^\\s+by \\S+ .* id ${String(line['viaId'])}\r$`, 'm'));
      expect(delivered.content).toMatch(/^Received: from \S+ \(\[127\.0\.0\.1\]\)\r$/m);
    }
    return usedIf(isUsed);
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
