/**
 * Each mode of a TLS policy with a real Postfix that is each kind of mail host, by the table of test/conformance/tls-modes: what goes and
 * how, as Postfix's own `Received` and log have it; and of what waits and bounces Postfix has heard nothing.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { trust } from '../conformance/mta-sts/certificates.ts';
import { stopRelays } from '../conformance/relay.ts';
import { expectOutcome, HOST, isDelivered, relayTo } from '../conformance/tls-modes/attempt.ts';
import { HOSTS, MODES, type ModeName } from '../conformance/tls-modes/table.ts';
import { describeWith } from '../support/debian.ts';
import { waitFor } from '../support/wait.ts';
import { type PostfixHosts, startPostfixHosts } from './postfix-hosts.ts';

describeWith(['root', 'postfix'], 'TLS policies with Postfix', () => {
  let postfix: PostfixHosts;

  beforeAll(async () => {
    trust();
    postfix = await startPostfixHosts(HOST, HOSTS);
  });
  afterEach(stopRelays);
  afterAll(() => postfix?.stop());

  async function meet(mode: ModeName, index: number): Promise<void> {
    const row = HOSTS[index]!;
    const expected = row.outcomes[mode];
    const { port, certificate, log } = postfix.hosts[index]!;
    const before = log().length;
    const to = `${MODES.indexOf(mode)}-${index}@d.test`;
    const relay = await relayTo(mode, row, { certificate, hop: { port } }, to);
    await expectOutcome(relay, mode, expected);
    await stopRelays();
    const attempts = relay.attempted.filter((each) => each.to === to);
    const got = await waitFor('all that Postfix has to say', () => {
      const lines = log().slice(before);
      const began = lines.filter((line) => line.includes(' connect from '));
      const ended = lines.filter((line) => line.includes(' disconnect from '));
      if (ended.length !== began.length || ended.length < attempts.length) return undefined;
      const told = ended.filter((line) => / (mail|rcpt|data)=/.test(line));
      const messages = postfix.messages.filter((each) => each.to.includes(to));
      const isThere = told.length > 0 && messages.length > 0;
      return isThere || !isDelivered(expected) ? { told, messages } : undefined;
    });
    if (!isDelivered(expected)) {
      expect(got).toEqual({ told: [], messages: [] });
      const { reason } = row.postfix ?? {};
      if (reason !== undefined)
        for (const { reply } of attempts) expect(reply.text).toContain(`: ${reason} (TLS policy `);
      return;
    }
    expect(got.told).toEqual([expect.stringContaining(' mail=1 rcpt=1 data=1 ')]);
    expect(got.messages).toHaveLength(1);
    expectReceived(got.messages[0]!.content, expected);
  }

  describe.each([...MODES])('mode %s', (mode) => {
    it.each(HOSTS.map(({ outcomes, what }, index) => [outcomes[mode], what, index] as const))(
      '%s: a Postfix that is %s',
      (...cells) => meet(mode, cells[2]),
    );
  });
});

/** What Postfix says of how it came, on top of what was sent. */
function expectReceived(content: string, expected: 'clear' | 'TLS'): void {
  const [received] = /^Received: .*(\r\n[ \t].*)*/.exec(content)!;
  expect(received).toContain('\tby postfix.test (Postfix) with ');
  const version = /\(using (TLSv1\.\d) with cipher /.exec(received)?.[1];
  expect(version).toBe(expected === 'TLS' ? 'TLSv1.3' : undefined);
  expect(content.slice(received.length)).toMatch(/^\r\nReceived: .*by mx\.ours\.test .*\r\n\r\nhello\r\n$/s);
}
