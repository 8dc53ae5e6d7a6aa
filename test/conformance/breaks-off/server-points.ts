/** How a client gets to each moment of the table at which its session breaks off. */
import type { Listener } from '../../../mta/config.ts';
import { PASSWORD } from '../server.ts';
import { Wire } from '../wire.ts';

export interface ServerPoint {
  readonly listener?: Partial<Listener>;
  /** Whose answer is being made at this moment, and waits for the test. */
  readonly holds?: 'commit' | 'authenticate';
  readonly garbage: string;
  /** Bob where absent. */
  readonly to?: readonly string[];
  /** There is a draft on the disk. */
  readonly drafts?: true;
  /** The client's way; it has read all replies by the end. */
  reach(port: number): Promise<Wire>;
}

const MAIL = 'MAIL FROM:<anna@sender.test>';
const RCPT = 'RCPT TO:<bob@peer.test>';
const HEAD = 'Subject: cut\r\n';
const base64 = (text: string) => Buffer.from(text).toString('base64');

const LINE = '\0\xfe garbage \xff\r\n';
/** Bare LF: no line of content. */
const BARE = 'x\ny\r\n';
const command = (reach: ServerPoint['reach'], listener?: Partial<Listener>): ServerPoint => ({
  garbage: LINE,
  reach,
  ...(listener && { listener }),
});

/** After EHLO, or LHLO, the lines, each with its reply; then bytes without one. */
const said =
  (lines: readonly string[], bytes = '', verb: 'EHLO' | 'LHLO' = 'EHLO') =>
  async (port: number): Promise<Wire> => {
    const wire = await Wire.hello(port, { verb });
    await wire.dialogue(...lines);
    wire.send(bytes);
    return wire;
  };
const content = (bytes: string): ServerPoint => ({
  drafts: true,
  garbage: BARE,
  reach: said([MAIL, RCPT, 'DATA'], bytes),
});
const message = (line: string): ServerPoint['reach'] => said([MAIL, RCPT, 'DATA', line]);
/** So many octets are announced, and so many of them come. */
const chunk = (announced: string, came: string): ServerPoint => ({
  drafts: true,
  garbage: '\n'.repeat(10),
  reach: said([MAIL, RCPT], `BDAT ${announced}\r\n${came}`),
});

const CAROL = 'RCPT TO:<carol@peer.test>';
/** By LMTP, to two. */
const lmtp = (lines: readonly string[], bytes: string, more: Partial<ServerPoint>): ServerPoint => ({
  ...{ listener: { role: 'lmtp' }, to: [RCPT, CAROL], garbage: LINE },
  reach: said([MAIL, RCPT, CAROL, ...lines], bytes, 'LHLO'),
  ...more,
});

const PROXY: Partial<Listener> = { proxyProtocol: { from: ['127.0.0.1'] } };
const tls = (mode: 'starttls' | 'implicit'): Partial<Listener> => ({
  tls: { mode, required: false, minVersion: 'TLSv1.2', certificate: 'crt', key: 'key' },
});
const AUTH: Partial<Listener> = { auth: { offered: true, required: false, allowWithoutTls: true } };
const startTls = said(['STARTTLS']);

export const SERVER_POINTS: Readonly<Record<string, ServerPoint>> = {
  'before a PROXY header': command((port) => Wire.connect(port), PROXY),
  'in the middle of a PROXY header': command(async (port) => {
    const wire = await Wire.connect(port);
    wire.send('PROXY TCP4 192.0.2.7 ');
    return wire;
  }, PROXY),
  'before the handshake of implicit TLS': command((port) => Wire.connect(port), tls('implicit')),
  'after the greeting': command(async (port) => {
    const wire = await Wire.connect(port);
    await wire.reply();
    return wire;
  }),
  'after EHLO': command(said([])),
  'after HELO': command(said(['HELO client.test'])),
  'in the middle of a command': command(said([], 'MAIL FROM:<anna')),
  'after STARTTLS': command(startTls, tls('starttls')),
  'in the middle of the handshake': {
    ...command(async (port) => {
      const wire = await startTls(port);
      // The head of a record with a ClientHello (RFC 8446 §5.1).
      wire.send('\x16\x03\x01\x00\x20\x01');
      return wire;
    }, tls('starttls')),
    garbage: LINE.repeat(10),
  },
  'after the handshake': command(async (port) => {
    const wire = await startTls(port);
    await wire.startTls();
    await wire.command('EHLO client.test');
    return wire;
  }, tls('starttls')),
  'after AUTH PLAIN': command(said(['AUTH PLAIN']), AUTH),
  'between name and password of AUTH LOGIN': command(said(['AUTH LOGIN', base64('demo')]), AUTH),
  'while the password is checked': {
    ...command(said([], `AUTH PLAIN ${base64(`\0demo\0${PASSWORD}`)}\r\n`), AUTH),
    holds: 'authenticate',
  },
  'after AUTH': command(said([`AUTH PLAIN ${base64(`\0demo\0${PASSWORD}`)}`]), AUTH),
  'after MAIL': command(said([MAIL])),
  'after RCPT': command(said([MAIL, RCPT])),
  'after a RCPT of two that was refused': command(said([MAIL, RCPT, 'RCPT TO:<nobody>'])),
  'after RSET': command(said([MAIL, RCPT, 'RSET'])),
  'after DATA': content(''),
  'in the middle of a pipelined message': {
    drafts: true,
    garbage: BARE,
    async reach(port) {
      const wire = await Wire.hello(port);
      wire.send(`${MAIL}\r\n${RCPT}\r\nDATA\r\n${HEAD}\r\nhalf`);
      await wire.replies(3);
      return wire;
    },
  },
  'in the middle of the header': content('Subj'),
  'in the middle of the body': content(`${HEAD}\r\nhalf`),
  'before the final dot': content(`${HEAD}\r\nall\r\n`),
  'after the final dot, before its CRLF': content(`${HEAD}\r\nall\r\n.`),
  'after the final dot, before its LF': content(`${HEAD}\r\nall\r\n.\r`),
  'while the message is committed': {
    ...command(said([MAIL, RCPT, 'DATA'], `${HEAD}\r\nall\r\n.\r\n`)),
    ...{ holds: 'commit', drafts: true },
  },
  'after 250 to the message': command(message(`${HEAD}\r\nall\r\n.`)),
  'after BDAT, before its octets': chunk('10', ''),
  'in the middle of a chunk': chunk('20', HEAD.slice(0, 10)),
  'between two chunks': {
    ...command(said([MAIL, RCPT, `BDAT ${HEAD.length}\r\n${HEAD}`.slice(0, -2)])),
    drafts: true,
  },
  'after RSET behind a chunk': command(
    said([MAIL, RCPT, `BDAT ${HEAD.length}\r\n${HEAD}`.slice(0, -2), 'RSET']),
  ),
  'in the middle of the last chunk': chunk('20 LAST', HEAD.slice(0, 10)),
  'while the last chunk is committed': {
    ...command(said([MAIL, RCPT], `BDAT ${HEAD.length} LAST\r\n${HEAD}`)),
    ...{ holds: 'commit', drafts: true },
  },
  'after 250 to the last chunk': command(
    said([MAIL, RCPT, `BDAT ${HEAD.length} LAST\r\n${HEAD}`.slice(0, -2)]),
  ),
  'after LHLO': command(said([], '', 'LHLO'), { role: 'lmtp' }),
  'in the middle of the body, by LMTP to two': lmtp(['DATA'], `${HEAD}\r\nhalf`, {
    ...{ garbage: BARE, drafts: true },
  }),
  'while the message is committed, by LMTP to two': lmtp(['DATA'], `${HEAD}\r\nall\r\n.\r\n`, {
    ...{ holds: 'commit', drafts: true },
  }),
  'after 250 to each of two by LMTP': lmtp([], '', {
    async reach(port) {
      const wire = await said([MAIL, RCPT, CAROL, 'DATA', `${HEAD}\r\nall\r\n.`], '', 'LHLO')(port);
      await wire.reply();
      return wire;
    },
  }),
  'in the middle of the last chunk, by LMTP to two': lmtp([], `BDAT 20 LAST\r\n${HEAD.slice(0, 10)}`, {
    ...{ garbage: '\n'.repeat(10), drafts: true },
  }),
  'while the last chunk is committed, by LMTP to two': lmtp([], `BDAT ${HEAD.length} LAST\r\n${HEAD}`, {
    ...{ holds: 'commit', drafts: true },
  }),
  'after QUIT': command(said([MAIL, RCPT, 'DATA', `${HEAD}\r\nall\r\n.`, 'QUIT'])),
};
