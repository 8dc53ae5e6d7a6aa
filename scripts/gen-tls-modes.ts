/** docs/tls-modes.md: what each mode of a TLS policy makes of each kind of mail host, as the tests have it. */
import { HOSTS, type HostCase, MODES, type Outcome } from '../test/conformance/tls-modes/table.ts';
import { table } from './markdown.ts';

export const PAGE = 'docs/tls-modes.md';

const WORDS: Partial<Record<Outcome, string>> = { clear: 'clear text', TLS: 'TLS' };
const code = (text: string): string => `\`${text}\``;
const cell = (outcome: Outcome): string => WORDS[outcome] ?? `**waits**: ${code(outcome)}`;

const byPostfix = ({ what, postfix }: HostCase): string[][] =>
  postfix === undefined
    ? []
    : [[what, code(postfix.setting), postfix.reason === undefined ? '–' : code(postfix.reason)]];

export function tlsModesFiles(): Map<string, string> {
  const text = `# Which mode does what, with which host?

What the modes of a [MailTLSPolicy](tls.md) come to, host by host. Each cell is two tests with real connections, one with a server that follows a script and one
with [a real Postfix](#how-does-postfix-come-to-be-such-a-host). The page is made from what they expect ([table.ts](../test/conformance/tls-modes/table.ts), \`npm run gen\`).

- **clear text**, **TLS**: mail is delivered so.
- **waits**: nothing is said of it to that host, not even its sender. Other hosts are tried; then \`451 4.7.5\`, and when its time is over it bounces. The report has the fault, in the terms
  of RFC 8460, and the name of the policy: \`Diagnostic-Code: x-postrider; 451 4.7.5 TLS is required and could not be had: mx1.example.org: certificate-expired: … (TLS policy mail/bank)\`.

"Strict" is \`fallbackToClear: false\`. Pins and TLSA records (\`3 1 1\`) are of the key that the host has, but in the last line. MTA-STS policies are enforced, and name the host; [what is
done where they aren't](mta-sts.md#what-is-done-about-a-mail-host), and [what DNS can say of a host](tls.md#how-is-dane-done), have pages of their own.

${table(
  ['a host that is', ...MODES],
  HOSTS.map(({ what, outcomes }) => [what, ...MODES.map((mode) => cell(outcomes[mode]))]),
)}

STARTTLS that somebody has stripped from a reply is asked for nonetheless where it is needed: where the host takes it, mail goes in TLS.

## How do I run it?

\`\`\`sh
npx vitest run --project conformance test/conformance/tls-modes.test.ts
npx vitest run --project interop test/interop/tls-modes.test.ts     # as root, with Debian's postfix
\`\`\`

Mail that waits is seen in the queue after its first attempt; then its lifetime is ended, and the report is read. Mail that goes to Postfix is looked at behind it: Postfix's own
\`Received\` says whether it came in TLS. Of mail that waits, Postfix's log has the sessions, and among what it heard there MAIL isn't.

## How does Postfix come to be such a host?

One Postfix has a service for each kind of host, with \`smtpd_tls_security_level = may\` and the certificate. That is all for those that are told by their certificate; the others have
a setting of their own. The reason stands behind the fault where mail waits.

${table(['a host that is', 'in its main.cf', 'the reason'], HOSTS.flatMap(byPostfix))}

In place of a handshake, the server with a script sends what is no TLS. Postfix never does that: its handshake breaks as it has no certificate, and so no cipher that we have.
`;
  return new Map([[PAGE, text]]);
}
