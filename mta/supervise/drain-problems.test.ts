import { expect, it } from 'vitest';
import type { HandOverStatus } from '../queue/transfer/hand-over.ts';
import { type DrainView, drainProblems } from './drain-problems.ts';

const member = (name: string, live: boolean) => ({
  name,
  live,
  address: '192.0.2.1',
  port: 1,
  heardSecondsAgo: 1,
  version: 1,
});
const handOver = (more: Partial<HandOverStatus> = {}): HandOverStatus => ({
  messages: 5,
  bytes: 50,
  lanes: 1,
  moved: { messages: 0, bytes: 0 },
  pinned: [],
  owed: [],
  problems: [],
  ...more,
});
const view = (more: Partial<DrainView>): DrainView => ({
  perReplica: true,
  workers: 2,
  answered: 2,
  messages: 5,
  moving: true,
  members: [member('b', true), member('c', false)],
  handOvers: [handOver()],
  ...more,
});
const pinned = (name: string) => [{ member: name, lane: 'l', batch: 'x', messages: 3 }];
const owed = (name: string) => [{ member: name, lane: 'l', batch: 'x' }];

const tellsOf = (more: Partial<DrainView>) =>
  drainProblems(view(more)).map(({ subject, reason, advice }) => `${subject}: ${reason}. ${advice}`);

const table: [string, Partial<DrainView>, RegExp[]][] = [
  ['nothing where it goes well', {}, []],
  ['a worker that is away', { answered: 1 }, [/^this pod: 1 of 2 workers answer\..*started again/]],
  [
    'a worker that is away, in a shared folder',
    { perReplica: false, answered: 1, members: [] },
    [/^this pod/],
  ],
  ['nothing else of a shared folder', { perReplica: false, members: undefined, moving: false }, []],
  ['that there are no peers', { members: undefined }, [/no peers.*delivered from here/]],
  ['that there are no members', { members: [] }, [/^the fleet: there are no other members/]],
  ['that no member is heard', { members: [member('c', false)] }, [/none of the other 1 members is heard/]],
  ['nothing of members where nothing is left', { members: [], messages: 0 }, []],
  ['that nobody takes anything', { moving: false }, [/no member takes mail just now/]],
  [
    'what a member said that lives',
    { moving: false, handOvers: [handOver({ problems: [{ subject: 'b', reason: 'it is full' }] })] },
    [/^b: it is full\. It lives.*Meanwhile others/],
  ],
  [
    'what hangs on a member that lives',
    { handOvers: [handOver({ pinned: pinned('b'), problems: [{ subject: 'b', reason: 'slow' }] })] },
    [/^b: slow\. It lives.*Until it answers, 3 messages are pinned to it/],
  ],
  ['nothing of a batch that is on its way', { handOvers: [handOver({ pinned: pinned('b') })] }, []],
  [
    'whom a silent member keeps waiting, once for all workers, and what to do where it is gone',
    { handOvers: [handOver({ pinned: pinned('c') }), handOver({ pinned: pinned('c') })] },
    [/^c: it is not heard\. Bring it back.*6 messages are pinned.*drain --give-up c/],
  ],
  [
    'the same of one that is no member any more',
    { handOvers: [handOver({ owed: owed('gone') })] },
    [/^gone: it is not heard.*what it sent here is not over.*--give-up gone/],
  ],
  [
    'a silent member on which nothing hangs',
    { handOvers: [handOver({ problems: [{ subject: 'c', reason: 'no answer' }] })] },
    [/^c: no answer\. Others take the mail/],
  ],
  [
    'a message that can not be read',
    { handOvers: [handOver({ problems: [{ subject: 'aaaaaaaaaaaa-1', reason: 'it is damaged' }] })] },
    [/^aaaaaaaaaaaa-1: it is damaged\..*postrider remove aaaaaaaaaaaa-1/],
  ],
];
it.each(table)('tells %s', (_, more, expected) => {
  expect(tellsOf(more)).toEqual(expected.map((words) => expect.stringMatching(words)));
});
