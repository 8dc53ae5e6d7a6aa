/** What keeps a drain from its end, in words that say what to do. Pure. */

import type { DrainProblem } from '../control/drain-types.ts';
import type { MemberView } from '../fleet/types.ts';
import { parseQueueId } from '../queue/layout.ts';
import type { HandOverStatus } from '../queue/transfer/hand-over.ts';

export interface DrainView {
  readonly perReplica: boolean;
  /** How many workers there should be, and how many have answered. */
  readonly workers: number;
  readonly answered: number;
  /** Messages that are left. */
  readonly messages: number;
  /** Messages have moved in the last half minute, or the drain is younger than a few seconds. */
  readonly moving: boolean;
  /** The other members; undefined where the config has no peers. */
  readonly members: readonly MemberView[] | undefined;
  readonly handOvers: readonly HandOverStatus[];
}

export function drainProblems(view: DrainView): DrainProblem[] {
  return [
    ...ofWorkers(view),
    ...(view.perReplica ? [...ofFleet(view), ...ofMembers(view), ...ofMessages(view)] : []),
  ];
}

function ofWorkers({ workers, answered }: DrainView): DrainProblem[] {
  if (answered >= workers) return [];
  return [
    {
      subject: 'this pod',
      reason: `${answered} of ${workers} workers answer`,
      advice:
        'One that has died is started again by itself, takes its lanes back, and goes on; /readyz and the log say what keeps it.',
    },
  ];
}

function ofFleet({ messages, members, moving, handOvers }: DrainView): DrainProblem[] {
  const problem = (reason: string, advice: string) => [{ subject: 'the fleet', reason, advice }];
  if (messages === 0) return [];
  if (members === undefined) {
    return problem(
      'the config has no peers: nobody can take the mail',
      'It is delivered from here as ever, and the drain ends when it has left. Give the config peers, or cancel the drain.',
    );
  }
  if (!members.some(({ live }) => live)) {
    return problem(
      members.length === 0
        ? 'there are no other members'
        : `none of the other ${members.length} members is heard`,
      'Mail is delivered from here meanwhile. Start a member, or mend the network between them; GET /v1/fleet shows who is heard.',
    );
  }
  const busy = handOvers.some(({ pinned, problems }) => pinned.length > 0 || problems.length > 0);
  if (moving || busy) return [];
  return problem(
    'no member takes mail just now',
    'Members that have no room, or are leaving themselves, take none; messages that are being delivered move when that has ended.',
  );
}

/** One line for each member: what it said, or that it is silent, with what hangs on it. */
function ofMembers({ members = [], handOvers }: DrainView): DrainProblem[] {
  const reasons = new Map<string, string>();
  for (const { subject, reason } of handOvers.flatMap(({ problems }) => problems)) {
    if (parseQueueId(subject) === undefined) reasons.set(subject, reason);
  }
  const live = new Set(members.flatMap((member) => (member.live ? member.name : [])));
  const pinned = countsOf(
    handOvers.flatMap((each) => each.pinned),
    ({ messages }) => messages,
  );
  const owed = countsOf(
    handOvers.flatMap((each) => each.owed),
    () => 1,
  );
  for (const member of [...pinned.keys(), ...owed.keys()]) {
    if (!live.has(member) && !reasons.has(member)) reasons.set(member, 'it is not heard');
  }
  return [...reasons].map(([subject, reason]) => ({
    subject,
    reason,
    advice: adviceFor(subject, live.has(subject), pinned.get(subject) ?? 0, owed.get(subject) ?? 0),
  }));
}

function adviceFor(member: string, live: boolean, pinned: number, owed: number): string {
  const waits = [
    ...(pinned > 0 ? [`${pinned} messages are pinned to it, as it may have them already`] : []),
    ...(owed > 0 ? ['what it sent here is not over'] : []),
  ].join(', and ');
  if (live) {
    const who = `It lives and is asked again by itself: see its log, its volume's room, and whether it is leaving too.`;
    return waits === '' ? `${who} Meanwhile others take the mail.` : `${who} Until it answers, ${waits}.`;
  }
  if (waits === '') return 'Others take the mail; it is asked again when it is heard.';
  return `Bring it back, with its volume: it goes on by itself. Until then ${waits}. Only where it is gone for good: postrider drain --give-up ${member} (docs/drain.md says what that may cost).`;
}

function ofMessages({ handOvers }: DrainView): DrainProblem[] {
  return handOvers
    .flatMap(({ problems }) => problems)
    .filter(({ subject }) => parseQueueId(subject) !== undefined)
    .map(({ subject, reason }) => ({
      subject,
      reason,
      advice: `It is tried again; the others move meanwhile. \`postrider show ${subject}\` shows what can be read of it, \`postrider remove ${subject}\` ends it.`,
    }));
}

function countsOf<T extends { readonly member: string }>(
  items: readonly T[],
  count: (item: T) => number,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item.member, (counts.get(item.member) ?? 0) + count(item));
  return counts;
}
