import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { hasUtf8Header, lookInto } from './international.ts';

const crlf = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'));
const look = async (bytes: Buffer) => {
  const { utf8Header, globalPart } = await lookInto({
    ...{ size: bytes.length, bytes: undefined },
    stream: () => Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
  });
  expect(hasUtf8Header(bytes)).toBe(utf8Header);
  return { utf8Header, globalPart };
};

const MIXED = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n';

describe('what a message needs SMTPUTF8 for', () => {
  it.each([
    ['nothing', 'Subject: x\n\nGrüße\n', { utf8Header: false, globalPart: false }],
    ['a field', 'Subject: Grüße\n\nx\n', { utf8Header: true, globalPart: false }],
    [
      'a field of a part',
      `${MIXED}Content-Description: ü\n\nx\n--b--\n`,
      { utf8Header: true, globalPart: false },
    ],
    [
      'a field of a message within',
      `${MIXED}Content-Type: message/rfc822\n\nSubject: ü\n\nx\n--b--\n`,
      { utf8Header: true, globalPart: false },
    ],
    [
      'a message/global',
      `${MIXED}Content-Type: message/global\n\nSubject: ü\n\nx\n--b--\n`,
      { utf8Header: false, globalPart: true },
    ],
    [
      'a status in UTF-8',
      `${MIXED}Content-Type: message/global-delivery-status\n\nFinal-Recipient: utf-8; ü@x.test\n--b--\n`,
      { utf8Header: false, globalPart: true },
    ],
    [
      'none that is encoded already',
      `${MIXED}Content-Type: message/global\nContent-Transfer-Encoding: quoted-printable\n\nSubject: =C3=BC\n--b--\n`,
      { utf8Header: false, globalPart: false },
    ],
    [
      'a nesting beyond measure',
      'Content-Type: message/rfc822\n\n'.repeat(200),
      { utf8Header: true, globalPart: false },
    ],
  ])('%s', async (_, text, found) => {
    expect(await look(crlf(text))).toEqual(found);
  });
});
