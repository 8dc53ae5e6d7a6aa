/** docs/tls-modes.md: what each mode of a TLS policy makes of each kind of mail host, as the tests have it. */
import { HOSTS, MODES, type Outcome } from '../test/conformance/tls-modes/table.ts';
import { table } from './markdown.ts';

export const PAGE = 'docs/tls-modes.md';

const WORDS: Partial<Record<Outcome, string>> = { clear: 'clear text', TLS: 'TLS' };
const cell = (outcome: Outcome): string => WORDS[outcome] ?? `**waits**: \`${outcome}\``;

export function tlsModesFiles(): Map<string, string> {
  const text = `# Which mode does what, with which host?

What the modes of a [MailTLSPolicy](tls.md) come to, host by host. Each cell is a test with a real connection, and the page is made from what they expect
([table.ts](../test/conformance/tls-modes/table.ts), \`npm run gen\`).

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
`;
  return new Map([[PAGE, text]]);
}
