import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { testPolicy } from '../route/testing/config.ts';
import type { NextHop } from '../route/types.ts';
import { tlsaOf } from './dane/testing/records.ts';
import { peerCertificate } from './testing/certificate.ts';
import { CUT, type Script } from './testing/peer.ts';
import { hopTo, send } from './testing/send.ts';
import { usePeers } from './testing/use-peers.ts';
import type { TlsFault } from './tls-failure.ts';
import type { TlsSession } from './tls-session.ts';

const { peerOf, pool } = usePeers();

const EHLO = '250-peer.test\r\n250-PIPELINING\r\n250 STARTTLS';
const OFFERED: Script = { answers: { EHLO } };

/** What is told of three messages, one after the other; those that fail are tried again each time. */
async function told(
  script: Script,
  change: Partial<NextHop>,
  tested: (fault: TlsFault) => void = () => {},
): Promise<TlsSession[]> {
  const { port } = await peerOf(script);
  const sessions: TlsSession[] = [];
  const some = pool(
    10,
    {},
    {
      onTls: (session) => void sessions.push(session),
      onStsFailure: (_sts, _host, { fault }) => tested(fault),
    },
  );
  const hop = hopTo(port, { tls: testPolicy(), ...change });
  for (const _ of [1, 2, 3]) await send(some, hop).catch(() => {});
  return sessions;
}

const failures = (sessions: readonly TlsSession[]) => sessions.map(({ failure }) => failure?.fault ?? 'none');
const required = testPolicy({ mode: 'required' });
const verified = testPolicy({ mode: 'verified' });
const three = (fault: string) => [fault, fault, fault];

describe('what is told of TLS with a host', () => {
  it.each<[string, Script, Partial<NextHop>, string[]]>([
    ['once for a connection that three messages share', OFFERED, {}, ['none']],
    ['that it is not offered', {}, {}, ['starttls-not-supported']],
    [
      'once, that the handshake failed, where mail goes on another connection in clear text',
      { ...OFFERED, tls: 'garbage' },
      {},
      ['validation-failure'],
    ],
    [
      'of each attempt at a host that may not have mail in clear text',
      { answers: { STARTTLS: '502 5.5.1 No' } },
      { tls: required },
      three('starttls-not-supported'),
    ],
    [
      'that a certificate is not the one that was asked for',
      OFFERED,
      { tls: verified },
      three('certificate-not-trusted'),
    ],
    [
      'what is known before any connection',
      OFFERED,
      { tls: testPolicy({ mode: 'dane' }) },
      three('dane-required'),
    ],
    [
      'that a tested policy was not kept, though mail goes',
      OFFERED,
      { tls: testPolicy({ mode: 'mtaSts' }), sts: { domain: 'd.test', mode: 'testing', lists: false } },
      ['validation-failure'],
    ],
    ['nothing of a host that hangs up before there was a word of it', { greeting: CUT }, {}, []],
    [
      'that TLS failed, where the next connection fails for another reason',
      {
        greeting: (_line, connection) => (connection % 2 === 0 ? CUT : '220 peer.test'),
        ...OFFERED,
        tls: 'garbage',
      },
      {},
      three('validation-failure'),
    ],
  ])('%s', async (_what, script, change, expected) => {
    expect(failures(await told(script, change))).toEqual(expected);
  });

  it('with our address, where there was a connection', async () => {
    const [good] = await told(OFFERED, {});
    const [bad] = await told({ ...OFFERED, tls: 'garbage' }, { tls: required });
    const [none] = await told(OFFERED, { tls: testPolicy({ mode: 'dane' }) });
    expect([good, bad, none].map((session) => session?.from)).toEqual(['127.0.0.1', '127.0.0.1', undefined]);
  });

  it('and of TLS that nobody asks for, that it was not asked for', async () => {
    const sessions = await told(OFFERED, { tls: testPolicy({ mode: 'none' }) });
    expect(sessions).toMatchObject([{ demand: { asks: 'clearText' }, failure: undefined }]);
  });

  it.each<[string, string, string]>([
    ['match', '3 1 1', 'none'],
    ['can not be used, so that any certificate will do', '1 1 1', 'none'],
    ['match something else', '3 0 1', 'tlsa-invalid'],
  ])(
    'is what TLSA records that %s say of it, where a tested policy says another thing',
    async (_what, fields, expected) => {
      const { data, ...shape } = tlsaOf(fields, new X509Certificate(peerCertificate));
      const record = { ...shape, data: expected === 'none' ? data : 'ab'.repeat(32) };
      const tlsa = { status: 'found', baseDomain: 'peer.test', records: [record], references: [] } as const;
      const tested: string[] = [];
      const sts = { domain: 'd.test', mode: 'testing', lists: false } as const;
      const change = { tls: testPolicy({ mode: 'mtaSts' }), dane: { isNamedSecurely: true, tlsa }, sts };
      const sessions = await told(OFFERED, change, (fault) => tested.push(fault));
      expect(new Set(failures(sessions))).toEqual(new Set([expected]));
      expect(new Set(tested)).toEqual(new Set([expected === 'none' ? 'validation-failure' : expected]));
    },
  );
});
