/**
 * What is fed with anything: each parser of what strangers send, with inputs to begin from, the words that they are made of, and what has to
 * be so whatever comes. A run that throws is a finding.
 */
import assert from 'node:assert/strict';
import { isAscii } from 'node:buffer';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ReplyReader } from '../../mta/deliver/reply.ts';
import { rewriteFromField } from '../../mta/deliver/rewrite.ts';
import { DotStuffer } from '../../mta/deliver/transparency.ts';
import { resultsOf } from '../../mta/deliver/webhook/answer.ts';
import { SmtpError } from '../../mta/errors.ts';
import { parseXclient, parseXforward } from '../../mta/listen/attributes.ts';
import { ChunkDecoder } from '../../mta/listen/chunks.ts';
import { DataDecoder } from '../../mta/listen/data.ts';
import { BARE, Input, TOO_LONG } from '../../mta/listen/input.ts';
import { parseMailParameters, parseRcptParameters } from '../../mta/listen/parameters.ts';
import { isMailbox, parsePath } from '../../mta/listen/path.ts';
import { parseProxyHeader } from '../../mta/listen/proxy-header.ts';
import { convert } from '../../mta/mime/convert.ts';
import { allows, LONGEST_AGE, parsePolicy } from '../../mta/route/sts/policy.ts';
import { readRecords } from '../../mta/route/sts/record.ts';
import { HeaderCompletion } from '../../mta/submission.ts';
import { readRecords as readTlsRptRecords } from '../../mta/tls-rpt/record.ts';
import { scanHeader } from '../../mta/trace.ts';
import { decodeUnitext, decodeXtext } from '../../mta/xtext.ts';
import { tlsReports } from './tls-reports.ts';

/** What a listener may offer to MAIL. */
const EVERYTHING = {
  auth: true,
  requireTls: true,
  futureRelease: { maxSeconds: 604_800 },
  now: 1_800_000_000_000,
};

export interface Target {
  readonly corpus: readonly string[];
  readonly words: readonly string[];
  /** Throws where something is not as it has to be. */
  run(bytes: Buffer): void | Promise<void>;
}

/** What a parser may say is a refusal, and nothing else. */
function refusing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SmtpError)) throw error;
  }
}

/** In pieces that its own octets choose. */
function pieces(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + (bytes[at]! % 61);
    found.push(bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

/** Content of DATA up to its final dot; undefined where there is none. */
function decoded(parts: readonly Buffer[]): Buffer | undefined {
  const decoder = new DataDecoder(1000);
  const out: Buffer[] = [];
  for (const part of parts) {
    if (decoder.state === 'open') decoder.push(part, (slice) => out.push(slice));
  }
  return decoder.state === 'ended' ? Buffer.concat(out) : undefined;
}

const MESSAGE =
  'From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n--b--\r\n';
const MIME_WORDS = [
  ...[
    '\r\n--b\r\n',
    '\r\n--b--\r\n',
    '\r\n\r\n',
    'Content-Type: multipart/mixed; boundary=b\r\n',
    '\xc3\xbc',
  ],
  ...[
    'Content-Type: message/rfc822\r\n\r\n',
    'Content-Type: message/global\r\n\r\n',
    'Content-Transfer-Encoding: ',
    'base64\r\n',
    'quoted-printable\r\n',
  ],
  ...[
    'Content-Type: multipart/signed; boundary=b\r\n',
    'Subject: \xc3\xbc\r\n',
    'From: "',
    '; name="',
    'binary\r\n',
  ],
];

export const targets: Readonly<Record<string, Target>> = {
  command: {
    corpus: [
      'MAIL FROM:<a@b.test> SIZE=1\r\nRCPT TO:<c@d.test>\r\nDATA\r\n',
      'NOOP\r\n\n',
      `${'x'.repeat(600)}\r\n`,
    ],
    words: ['\r\n', '\n', '\r', 'MAIL FROM:', 'BDAT 1 LAST\r\n'],
    run(bytes) {
      const input = new Input(512);
      for (const piece of pieces(bytes)) {
        input.push(piece);
        for (let line = input.next(); line !== undefined && line !== BARE; line = input.next()) {
          assert(line === TOO_LONG || (line.length <= 512 && !/[\r\n]/.test(line)));
        }
      }
    },
  },
  answer: {
    corpus: [
      '207 application/json {"recipients":[{"index":0,"status":"delivered"},{"address":"b@c.test","status":"bounced","code":"5.1.1"}]}',
      '200 application/json {"ok":true}',
      '422 text/plain no\r\nsuch user',
      '503 application/problem+json {"detail":"away"}',
    ],
    words: [
      '207 ',
      '200 ',
      'application/json ',
      '{"recipients":[',
      '{"index":0,',
      '"status":"deferred"}',
      ']}',
    ],
    run(bytes) {
      const [status = '', type = '', ...rest] = bytes.toString('latin1').split(' ');
      const recipients = ['a@b.test', 'b@c.test'].map((address, index) => ({ address, index }));
      const answer = {
        ...{ status: Number(status), reason: type, headers: { 'content-type': type } },
        body: Buffer.from(rest.join(' '), 'latin1'),
      };
      refusing(() => {
        const results = resultsOf(answer, recipients, { remote: 'https://a.test', now: 0 });
        assert.deepEqual(
          results.map(({ recipient }) => recipient),
          [0, 1],
        );
        for (const { reply } of results) {
          assert(reply.code >= 400 || (answer.status >= 200 && answer.status < 300));
          assert(reply.enhanced.startsWith(String(reply.code)[0]!));
          assert(!/\p{Cc}/u.test(reply.text) && reply.text.length <= 1000);
        }
      });
    },
  },
  path: {
    corpus: [
      '<a@b.test> SIZE=1',
      '<"a b"@[IPv6:::1]>',
      '<@x.test,@y.test:a@b.test>',
      '<j\xc3\xb6rg@m\xc3\xbcnchen.test>',
      '<>',
    ],
    words: ['<', '>', '"', '\\', '@', ':', ',', '[IPv6:', 'xn--', '\xc3\xbc'],
    run(bytes) {
      const path = parsePath(bytes.toString('latin1'));
      if (path !== undefined && isMailbox(path.address)) assert(Buffer.byteLength(path.address) <= 254);
    },
  },
  parameters: {
    corpus: [
      'SIZE=1 BODY=8BITMIME AUTH=<> SMTPUTF8 RET=HDRS ENVID=a+2Bb',
      'NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c.test',
      'BY=-120;NT MT-PRIORITY=-9 HOLDFOR=60',
    ],
    words: [
      ' ',
      '=',
      '+2B',
      'NEVER',
      'utf-8;',
      'ORCPT=',
      'BODY=BINARYMIME',
      ',',
      'BY=',
      ';R',
      'MT-PRIORITY=',
    ],
    run(bytes) {
      const text = bytes.toString('latin1');
      refusing(() => {
        const { deliverBy, priority, hold } = parseMailParameters(text, EVERYTHING);
        assert(priority === undefined || (Number.isInteger(priority) && Math.abs(priority) <= 9));
        if (deliverBy === undefined) return;
        assert(deliverBy.mode === 'notify' || deliverBy.by > EVERYTHING.now);
        assert(hold === undefined || hold.until <= deliverBy.by);
      });
      refusing(() => void parseRcptParameters(text, true));
    },
  },
  attributes: {
    corpus: [
      'NAME=spike.test ADDR=192.0.2.7 PORT=25 PROTO=ESMTP HELO=[192.0.2.7] LOGIN=a+2Bb',
      'ADDR=IPV6:2001:db8::1 IDENT=x SOURCE=LOCAL',
      'NAME=[TEMPUNAVAIL] ADDR=[UNAVAILABLE]',
    ],
    words: [' ', '=', '+2B', '+0A', 'IPV6:', '::', '[UNAVAILABLE]', 'NAME=', 'HELO=', 'LOGIN=', '%eth0'],
    run(bytes) {
      const text = bytes.toString('latin1');
      refusing(() => {
        const { address, name, helo, port } = parseXclient(text);
        assert(address === undefined || isIP(address) > 0);
        assert(port === undefined || (port >= 0 && port <= 65_535));
        // Nothing that would end a line of a header, or mean something in it.
        for (const word of [name, helo]) assert(word === undefined || /^[!-~]+$/.test(word));
      });
      refusing(() => void parseXforward(text));
    },
  },
  xtext: {
    corpus: ['a+2Bb', '+', '+4', 'b\\x{F8}', '\\x{10FFFF}'],
    words: ['+', '+0A', '=', '\\x{', '}', '\\'],
    run(bytes) {
      const text = bytes.toString('latin1');
      const decoded = decodeXtext(text);
      if (decoded !== undefined) assert(decoded.length <= text.length);
      const address = decodeUnitext(text);
      if (address !== undefined) assert(address.length <= text.length);
    },
  },
  data: {
    corpus: ['a\r\n..b\r\n.\r\nNOOP\r\n', '.\r\n', 'a\n.\n', 'x\r'],
    words: ['\r\n', '.\r\n', '\r\n.\r\n', '..', '\n', '\r'],
    run(bytes) {
      const content = decoded(pieces(bytes));
      if (content === undefined) return;
      // What was taken is what the next hop takes of us, and nothing behind it.
      const stuffer = new DotStuffer();
      const wire = Buffer.concat([stuffer.encode(content), stuffer.end()]);
      const again = decoded([wire, Buffer.from('NOOP\r\n')]);
      const whole = content.length === 0 || content.subarray(-2).toString('latin1') === '\r\n';
      assert(again?.equals(whole ? content : Buffer.concat([content, Buffer.from('\r\n')])));
    },
  },
  chunk: {
    corpus: ['a\r\nb\r\n', 'a\n', '\r', 'x'.repeat(1200)],
    words: ['\r\n', '\r', '\n'],
    run(bytes) {
      const decoder = new ChunkDecoder(1000, false);
      decoder.begin(bytes.length);
      let taken = 0;
      for (const piece of pieces(bytes)) taken += decoder.push(piece, () => undefined);
      decoder.finish();
      assert.equal(taken, bytes.length);
      assert.equal(decoder.isBare, /[\r\n]/.test(bytes.toString('latin1').replaceAll('\r\n', '')));
    },
  },
  reply: {
    corpus: ['250-a\r\n250 2.0.0 Ok\r\n', '550 5.1.1 no\r\n', '421\r\n', '354 go\n'],
    words: ['250-', '250 ', '\r\n', '\n', '5.1.1 ', '\x1b[', '\xe2\x80\xae'],
    run(bytes) {
      const reader = new ReplyReader();
      refusing(() => {
        for (const piece of pieces(bytes)) {
          for (const { text, code } of reader.push(piece)) {
            assert(code >= 200 && code < 600 && text.length <= 1000 && !/[\r\n\0]/.test(text));
          }
        }
      });
    },
  },
  tlsRpt: {
    corpus: [
      'v=TLSRPTv1; rua=mailto:tls@d.test,https://d.test:8443/v1?a=b;',
      'v=TLSRPTv1;x=y;rua=https://[::1]/\nv=spf1 -all',
      'v=TLSRPTv1; rua=mailto:a%2Bb%40c@d.test?subject=x , ftp://d.test/',
    ],
    words: ['v=TLSRPTv1;', 'rua=', 'mailto:', 'https://', '%0d%0a', '%e0', ',', ';', '@', '[::1]', '//a:b@'],
    run(bytes) {
      for (const each of readTlsRptRecords(bytes.toString('latin1').split('\n')) ?? []) {
        assert(isAscii(Buffer.from(each.uri)));
        if (each.kind === 'mailto') assert(isMailbox(each.address) && /^[\x20-\x7e]+$/.test(each.address));
        else {
          const { protocol, username, password, hostname } = new URL(each.uri);
          assert(protocol === 'https:' && username === '' && password === '' && hostname !== '');
        }
      }
    },
  },
  proxy: {
    corpus: [
      'PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n',
      'PROXY UNKNOWN\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x19',
    ],
    words: ['PROXY ', 'TCP6 ', '::1 ', '\r\n', '\x20\0\0\0', '\x21\x21\0\x24'],
    run(bytes) {
      const found = parseProxyHeader(bytes);
      if (typeof found === 'object') assert(found.length <= bytes.length);
    },
  },
  sts: {
    corpus: [
      'version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n',
      'version:STSv1\nmode:none\nmax_age:0\nx-1.y_z: \xc3\xbc \xc3\xbc\n',
      'v=STSv1; id=20160831085700Z;',
    ],
    words: [
      '\r\n',
      'version: STSv1\n',
      'mode: testing\n',
      'max_age: 1\n',
      'mx: *.a.b\n',
      'v=STSv1;',
      'id=a;',
    ],
    run(bytes) {
      const id = readRecords(bytes.toString('latin1').split('\n'));
      assert(id === undefined || /^[A-Za-z0-9]{1,32}$/.test(id));
      const policy = parsePolicy(bytes);
      if (typeof policy === 'string') return;
      assert(policy.maxAge >= 0 && policy.maxAge <= LONGEST_AGE);
      assert(policy.mode === 'none' || policy.mx.length > 0);
      for (const pattern of policy.mx) {
        assert(/^(\*\.)?[a-z0-9.-]+$/.test(pattern));
        assert(
          allows(policy, pattern.replace('*', 'mx')) && !allows(policy, `a.b.${pattern.replace('*.', '')}..`),
        );
      }
    },
  },
  tlsReports,
  header: {
    corpus: [
      MESSAGE,
      'Received: x\r\n y\r\nMessage-ID: <a@b>\r\nFrom: "a, b" <a@b.test> (c), d@e.test\r\n\r\n',
    ],
    words: ['\r\n', '\r\n ', 'From: ', 'Received: ', 'Message-ID: <', '"', '(', '\\', '<', '\n'],
    run(bytes) {
      const { end, messageId } = scanHeader(bytes);
      assert(end <= bytes.length && (messageId === undefined || !/[\r\n]/.test(messageId)));
      const rules = [{ from: '*@b.test', to: 'x@y.test' }];
      const rewritten = rewriteFromField(rules, bytes);
      assert.equal(
        rewritten.toString('latin1').split('\r\n').length,
        bytes.toString('latin1').split('\r\n').length,
      );
      const completion = new HeaderCompletion({ from: 'a@b.test', arrivedAt: 0, messageId: 'i@d' });
      const whole = Buffer.concat([
        ...pieces(bytes).map((piece) => completion.push(piece)),
        completion.end(),
      ]);
      assert(whole.subarray(whole.length - bytes.length).equals(bytes));
    },
  },
  mime: {
    corpus: [MESSAGE, 'Content-Type: message/rfc822\r\n\r\nSubject: \xc3\xbc\r\n\r\n\xff\r\n', '\r\n\xff'],
    words: MIME_WORDS,
    async run(bytes) {
      const stream = () => Readable.from(pieces(bytes), { objectMode: false });
      for (const target of ['7bit', '8bit', 'utf8'] as const) {
        const converted = await convert({ size: bytes.length, bytes: undefined, stream }, target).catch(
          (error: unknown) => {
            if (!(error instanceof SmtpError)) throw error;
          },
        );
        if (converted === undefined) continue;
        const out = await buffer(converted.stream());
        if (target === '7bit') assert(isAscii(out));
        assert(out.length <= 4 * bytes.length + 4096);
      }
    },
  },
};
