import { isAscii } from 'node:buffer';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, it } from 'vitest';
import type { MessageContent } from '../queue/types.ts';
import { convert } from './convert.ts';
import type { Target } from './plan.ts';

const contentOf = (bytes: Buffer, size = bytes.length): MessageContent => ({
  size: bytes.length,
  bytes: size >= bytes.length ? bytes : undefined,
  stream: () =>
    Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })(),
      { objectMode: false },
    ),
});

async function converted(text: string | Buffer, target: Target = '7bit', piece?: number): Promise<string> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const result = await convert(contentOf(bytes, piece), target);
  return (await buffer(result.stream())).toString('latin1');
}

const crlf = (text: string) => text.replaceAll('\n', '\r\n');

/** What a reader sees of it. */
async function seen(raw: string | Buffer) {
  const { headers, text, html, attachments } = await PostalMime.parse(raw, { forceRfc822Attachments: true });
  const kept = headers.filter(({ key }) => !/^(content-transfer-encoding|mime-version)$/.test(key));
  return {
    headers: kept.map(({ key, value }) => `${key}: ${value}`),
    ...{ text, html },
    attachments: attachments.map(({ filename, mimeType, content }) => ({
      ...{ filename, mimeType },
      // This parser takes the line end of a delimiter (RFC 2046 §5.1.1) for the body's.
      content: Buffer.from(content as ArrayBuffer)
        .toString('latin1')
        .trimEnd(),
    })),
  };
}

const MIXED = crlf(`Subject: hello
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"
Content-Transfer-Encoding: 8bit

preamble
--b1
Content-Type: multipart/alternative; boundary=b2

--b2
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Grüße, and = and a blank at the end of the line 
.
--b2
Content-Type: text/html; charset=utf-8

<p>ascii</p>
--b2--

--b1
Content-Type: text/plain; charset=utf-8; name=ru.txt
Content-Disposition: attachment; filename=ru.txt
Content-Transfer-Encoding: 8bit

Привет, мир
--b1
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

AAEC
--b1--
epilogue
`);

describe('a message for a next hop of seven bits', () => {
  it('has its parts encoded, and reads as it was', async () => {
    const out = await converted(MIXED);
    expect(isAscii(Buffer.from(out, 'latin1'))).toBe(true);
    expect(await seen(out)).toEqual(await seen(MIXED));
    expect(out).toContain(
      crlf('Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe, and =3D and'),
    );
    // Of Cyrillic nothing could be read in quoted-printable.
    expect(out).toContain(crlf('filename=ru.txt\nContent-Transfer-Encoding: base64\n\n'));
    // What needs nothing is as it was; and what says that it is 8bit, and isn't any more, says what it is.
    expect(out).toContain(crlf('Content-Type: text/html; charset=utf-8\n\n<p>ascii</p>\n'));
    expect(out).toContain(crlf('boundary="b1"\nContent-Transfer-Encoding: 7bit\n\npreamble\n--b1\n'));
    expect(out).toContain(crlf('Content-Transfer-Encoding: base64\n\nAAEC\n--b1--\nepilogue\n'));
  });

  it.each([1, 2, 3, 7, 64])('does not depend on the pieces: %i', async (piece) => {
    expect(await converted(MIXED, '7bit', piece)).toBe(await converted(MIXED));
  });

  it('says that it is MIME where it did not', async () => {
    const out = await converted(Buffer.from('Subject: x\r\n\r\nGr\xfc\xdfe\r\n', 'latin1'));
    expect(out).toBe(
      crlf(`Subject: x
MIME-Version: 1.0
Content-Type: text/plain; charset=unknown-8bit
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe
`),
    );
  });

  it('converts a message within a message, which can have no encoding itself', async () => {
    const inner =
      'Subject: inner\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n';
    const outer = crlf(
      `MIME-Version: 1.0\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n${inner}`,
    );
    const out = await converted(outer);
    expect(out).toBe(
      crlf(
        `MIME-Version: 1.0\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n${inner
          .replace('8bit', 'quoted-printable')
          .replace('Grüße', 'Gr=C3=BC=C3=9Fe')}`,
      ),
    );
  });

  it('has header fields as encoded-words and parameters as RFC 2231 has them', async () => {
    const text =
      crlf(`Subject: Grüße an alle, die größer sind als ein Wort von fünfundsiebzig Zeichen je sein könnte
From: Jörg <joerg@example.test>, "Müller, \\"Ü\\"" <m@example.test> (ä)
To: anna@example.test
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8; name="ü 1.txt"

Grüße
`);
    const out = await converted(text);
    expect(isAscii(Buffer.from(out, 'latin1'))).toBe(true);
    expect(out.split('\r\n').every((line) => line.length <= 998)).toBe(true);
    const [before, after] = [await PostalMime.parse(text), await PostalMime.parse(out)];
    expect(after.subject).toBe(before.subject);
    expect(after.from).toMatchObject({ name: 'Jörg', address: 'joerg@example.test' });
    expect(out).toContain(`name*=utf-8''%C3%BC%201.txt`);
  });

  it.each([
    ['a signature', 'multipart/signed; boundary=b', 'multipart/signed'],
    ['what is encrypted', 'multipart/encrypted; boundary=b', 'multipart/encrypted'],
  ])('is refused where it would break %s', async (_, type, why) => {
    const text = crlf(
      `MIME-Version: 1.0\nContent-Type: ${type}\n\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n--b--\n`,
    );
    await expect(converted(text)).rejects.toMatchObject({
      ...{ code: 554, enhanced: '5.6.3' },
      message: expect.stringContaining(why),
    });
  });

  it.each([
    ['a part of a message', 'Content-Type: message/partial; id=x\n\nGrüße\n'],
    ['a multipart without a boundary', 'Content-Type: multipart/mixed\n\nGrüße\n'],
    ['base64 that is none', 'Content-Transfer-Encoding: base64\n\nGrüße\n'],
    ['an encoding that nobody knows', 'Content-Transfer-Encoding: x-uuencode\n\nGrüße\n'],
    ['an address that needs SMTPUTF8', 'From: jörg@example.test\n\nhello\n'],
    ['a Message-ID that needs SMTPUTF8', 'Message-ID: <ü@example.test>\n\nhello\n'],
    ['parts without end', `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nü\n'.repeat(10_001)}`],
    ['a nesting without end', `${'Content-Type: message/rfc822\n\n'.repeat(200)}ü\n`],
  ])('is refused for %s', async (_, text) => {
    await expect(converted(crlf(`MIME-Version: 1.0\n${text}`))).rejects.toMatchObject({ enhanced: '5.6.3' });
  });

  it('leaves a signed part beside it byte for byte', async () => {
    const signed = crlf(
      '--a\nContent-Type: multipart/signed; boundary=b\n\n--b\nContent-Transfer-Encoding: 8bit\n\nascii \n--b--\n',
    );
    const text = `${crlf('MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n')}${signed}${crlf('--a\n\nGrüße\n--a--\n')}`;
    expect(await converted(text)).toContain(signed);
  });
});

describe('a message for a next hop of eight bits, in lines', () => {
  it('has binary parts encoded, and others as they were', async () => {
    const binary = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7) % 256));
    const text = Buffer.concat([
      Buffer.from(
        crlf(
          'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: binary\n\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n--b\nContent-Type: image/png; name=x.png\nContent-Transfer-Encoding: binary\n\n',
        ),
      ),
      binary,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    const out = await converted(text, '8bit');
    expect(Buffer.from(out, 'latin1').toString()).toContain(
      crlf('Content-Transfer-Encoding: 8bit\n\nGrüße\n--b\n'),
    );
    const { attachments } = await PostalMime.parse(Buffer.from(out, 'latin1'));
    expect(Buffer.from(attachments[0]!.content as ArrayBuffer).equals(binary)).toBe(true);
    expect(out.split('\r\n').every((line) => line.length <= 998 && !/[\r\n\0]/.test(line))).toBe(true);
  });
});

describe('a message/global', () => {
  const inner = crlf('From: jörg@example.test\nSubject: Grüße\n\nGrüße\n');
  const outer = `${crlf('Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n--b\nContent-Type: message/global\nContent-Transfer-Encoding: 8bit\n\n')}${inner}\r\n--b--\r\n`;
  const returned = async (raw: string) => {
    const { attachments } = await PostalMime.parse(Buffer.from(raw, 'latin1'));
    return Buffer.from(attachments[0]!.content as ArrayBuffer)
      .toString()
      .replace(/\r?\n/g, '\r\n');
  };

  // RFC 6532 §3.7
  it('is encoded as a whole for seven bits', async () => {
    const out = await converted(outer);
    expect(isAscii(Buffer.from(out, 'latin1'))).toBe(true);
    expect(out).toContain(
      crlf('message/global\nContent-Transfer-Encoding: quoted-printable\n\nFrom: j=C3=B6rg@'),
    );
    expect((await returned(out)).trimEnd()).toBe(inner.trimEnd());
  });

  // RFC 6533 §4.5
  it('is encoded for eight bits without UTF-8 in headers, and what is beside it is not', async () => {
    const text = outer.replace('--b\r\n', '--b\r\n\r\nGrüße\r\n--b\r\n');
    const out = await converted(text, '8bit');
    expect(out).toContain('Subject: Gr=C3=BC=C3=9Fe');
    expect(out).toContain(Buffer.from('\r\n\r\nGrüße\r\n--b').toString('latin1'));
    expect(out).toContain('boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n');
  });

  it('stays as it is for who takes UTF-8', async () => {
    expect(Buffer.from(await converted(outer, 'utf8'), 'latin1').toString()).toBe(outer);
  });

  it('is in base64 where nobody could read it otherwise', async () => {
    const out = await converted(outer.replace(/Grüße/g, 'Привет'.repeat(20)));
    expect(out).toContain('message/global\r\nContent-Transfer-Encoding: base64\r\n');
    expect(await returned(out)).toContain('Привет');
  });

  it('is not touched within what is signed', async () => {
    const signed = outer.replace('multipart/mixed', 'multipart/signed');
    await expect(converted(signed)).rejects.toMatchObject({ enhanced: '5.6.3' });
  });
});

describe('a header that was made to take long', () => {
  // Of a length at which what grows with its square would outlast the patience of a test by far.
  const many = (text: string) => text.repeat(200_000 / text.length);

  it.each([
    ['a word', `Subject: ü ${many('x')}`],
    ['words', `Subject: ü ${many('x ')}`],
    ['quotes that never end', `From: ü "${many('\\"')}`],
    ['brackets', `From: ü ${many('<')}`],
    ['comments', `From: ü ${many('(')}`],
    ['names', `From: ü ${many('x ')}`],
    ['parameters', `Content-Type: text/plain${many(';x="\\"')}ü`],
    ['blanks of parameters', `Content-Type: text/plain${many('; ')}ü`],
    ['comments in a type', `Content-Type: text/plain${many('(')}ü`],
  ])('of %s ends', async (_, field) => {
    const message = `MIME-Version: 1.0\r\n${field}\r\n\r\nü\r\n`;
    const out = await converted(message).catch((error: { enhanced: string }) => error.enhanced);
    expect(out === '5.6.3' || isAscii(Buffer.from(out, 'latin1'))).toBe(true);
  });
});

describe('any content', () => {
  const line = fc.constantFrom(
    ...[
      '',
      '--b',
      '--b--',
      '--c',
      'Content-Type: multipart/mixed; boundary=b',
      'Content-Type: message/rfc822',
    ],
    ...[
      'Content-Type: multipart/alternative; boundary="c"',
      'Content-Transfer-Encoding: 8bit',
      'Grüße',
      'x',
      ' y',
    ],
    ...['MIME-Version: 1.0', 'Content-Type: text/plain', 'Content-Transfer-Encoding: binary', 'Subject: ü'],
  );
  const text = fc.oneof(
    fc.array(line, { maxLength: 30 }).map((lines) => Buffer.from(lines.join('\r\n'))),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );

  it('comes out in seven bits and in lines, or is refused with 5.6.3', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom(1, 5, 1000), async (bytes, piece) => {
        const out = await converted(bytes, '7bit', piece).catch((error: { enhanced: string }) => error);
        if (typeof out !== 'string') expect(out).toMatchObject({ enhanced: '5.6.3' });
        else expect(isAscii(Buffer.from(out, 'latin1'))).toBe(true);
      }),
    );
  });

  it('that a next hop takes is byte for byte what it was', async () => {
    const ascii = text.map((bytes) =>
      Buffer.from(bytes.toString('latin1').replace(/[^\x20-\x7e\r\n]|8bit|binary/g, '')),
    );
    await fc.assert(
      fc.asyncProperty(ascii, async (bytes) => {
        const isText = !/[\r\n]/.test(bytes.toString('latin1').replaceAll('\r\n', ''));
        if (isText) expect(await converted(bytes)).toBe(bytes.toString('latin1'));
      }),
    );
  });
});
