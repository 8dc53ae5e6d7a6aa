/**
 * RFC 3207 §6: replies that somebody puts before or behind those of a server, in each step of our client. Nothing comes of it beyond that
 * connection: no message counts as delivered that did not come, and none goes to another reply than its own.
 */
import { describe, expect, it } from 'vitest';
import { contentOf, hopTo, send } from '../../mta/deliver/testing/send.ts';
import { usePeers } from '../../mta/deliver/testing/use-peers.ts';
import type { SmtpError } from '../../mta/errors.ts';
import { testPolicy } from '../../mta/route/testing/config.ts';

const { peerOf, pool } = usePeers();

const INJECTED = '250 2.0.0 Injected';
const PROPER: Readonly<Record<string, string>> = {
  greeting: '220 peer.test',
  EHLO: '250-peer.test\r\n250 PIPELINING',
  STARTTLS: '220 2.0.0 Go ahead',
  MAIL: '250 2.1.0 Ok',
  RCPT: '250 2.1.5 Ok',
  DATA: '354 Go ahead',
  content: '250 2.0.0 Taken',
};
/** What is delivered nonetheless, as the reply that counts came first, or over TLS. */
const HARMLESS = new Set(['content', 'STARTTLS']);

const rows = [false, true].flatMap((tls) =>
  Object.keys(PROPER)
    .filter((step) => tls || step !== 'STARTTLS')
    .flatMap((step) =>
      (['before', 'behind'] as const).flatMap((where) =>
        [1, 3].map((count) => ({ tls, step, where, count, what: tls ? 'STARTTLS' : 'clear text' })),
      ),
    ),
);

describe('replies injected', () => {
  it.each(rows)(
    '$count $where that to $step, in a session with $what',
    async ({ tls, step, where, count }) => {
      const offered = tls ? '250-peer.test\r\n250-PIPELINING\r\n250 STARTTLS' : PROPER['EHLO']!;
      const proper = step === 'EHLO' ? offered : PROPER[step]!;
      const more = Array<string>(count).fill(INJECTED);
      // Of the first connection alone: the server itself is honest.
      const says = (_line: string, connection: number) => {
        if (connection > 1) return proper;
        return (where === 'before' ? [...more, proper] : [proper, ...more]).join('\r\n');
      };
      const peer = await peerOf({
        ...(step === 'greeting' && { greeting: says }),
        answers: { EHLO: offered, ...(step !== 'greeting' && { [step]: says }) },
      });
      const other = await peerOf();
      const sessions = pool();
      const hop = hopTo(peer.port, { tls: testPolicy({ mode: tls ? 'required' : 'none' }) });
      const attempt = (n: number) =>
        send(sessions, hop, { content: contentOf(`Subject: ${n}\r\n\r\n${n}\r\n`) }).catch(
          (error: SmtpError) => error,
        );

      const [first, beside] = await Promise.all([attempt(1), send(sessions, hopTo(other.port))]);
      expect(beside).toMatchObject([{ code: 250 }]);
      if (HARMLESS.has(step)) {
        expect(first).toMatchObject([{ code: 250 }]);
        expect(peer.contents).toHaveLength(1);
      } else {
        expect(first).toMatchObject({ code: 451, closes: true });
        expect(peer.contents).toHaveLength(0);
      }

      const before = peer.contents.length;
      for (const n of [2, 3]) expect(await attempt(n)).toMatchObject([{ code: 250 }]);
      expect(peer.contents.slice(before).map(String)).toEqual(
        [2, 3].map((n) => `Subject: ${n}\r\n\r\n${n}\r\n.\r\n`),
      );
      if (tls) expect(peer.secured.filter((line) => line.startsWith('MAIL'))).toEqual(mailIn(peer.lines));
    },
  );
});

const mailIn = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith('MAIL'));
