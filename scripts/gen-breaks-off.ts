/** docs/breaks-off.md: what becomes of a message whose way breaks off in the middle, from the table that the tests are made from. */
import {
  CLIENT,
  CLIENT_BREAKS,
  type ClientBreak,
  HOP_BREAKS,
  type HopBreak,
  type Received,
  SENT,
  SERVER,
} from '../test/conformance/breaks-off/table.ts';
import { table } from './markdown.ts';

export const PAGE = 'docs/breaks-off.md';

const CLIENT_HEADS: Readonly<Record<ClientBreak, string>> = {
  cut: 'the connection is cut',
  end: 'the client closes its side',
  silence: 'the client is silent',
  garbage: 'the client sends garbage',
  stop: 'we go down',
};
const HOP_HEADS: Readonly<Record<HopBreak, string>> = {
  cut: 'the connection is cut',
  silence: 'it is silent',
  garbage: 'it sends what is no reply',
  '421': 'it says 421',
};

const received = ({ says, queued }: Received): string =>
  [...(says === undefined ? [] : [says]), queued === 1 ? '**queued once**' : 'nothing'].join(', ');

export function breaksOffFiles(): Map<string, string> {
  const text = `# What becomes of a message that breaks off in the middle?

Each line below is a dialogue over raw sockets, with the mta's own queue on a disk: \`npx vitest run --project conformance
test/conformance/breaks-off\`. The tests and this page are made from one table,
[table.ts](../test/conformance/breaks-off/table.ts), by \`npm run gen\`.

## On its way in

A message is in the queue once, or nothing of it is left: no entry in the queue, and no draft on the disk. What stands before that is what
the client hears; where nothing does, it hears nothing. A client is silent for longer than it may be: five minutes for a command or more of the content
(RFC 5321 §4.5.3.2.7), less for a PROXY header and a handshake of implicit TLS. When we go down, content on its way may go on for the
time of grace; in the table it doesn't.

Once the content is complete it is our turn, and the message will be queued, whatever becomes of the client. A client that didn't hear the 250
sends it again: that is a copy, and no loss (RFC 5321 §6.1). By LMTP it hears one for each recipient (RFC 2033 §4.2).

${table(
  ['it breaks off', ...CLIENT_BREAKS.map((how) => CLIENT_HEADS[how])],
  SERVER.map(({ at, breaks }) => [at, ...CLIENT_BREAKS.map((how) => received(breaks[how]))]),
)}

## On its way out

${table(
  ['state', 'what it means'],
  Object.entries(SENT).map(([state, meaning]) => [`**${state}**`, meaning]),
)}

Each is tried with a second host to ask and without one. A next hop is silent for longer than \`delivery.timeouts\` says. "At MAIL" is: instead of
the reply to it.

${table(
  ['at', ...HOP_BREAKS.map((how) => HOP_HEADS[how])],
  CLIENT.map(({ at, breaks }) => [at, ...HOP_BREAKS.map((how) => breaks[how] ?? '–')]),
)}
`;
  return new Map([[PAGE, text]]);
}
