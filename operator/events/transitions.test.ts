import { describe, expect, it } from 'vitest';
import type { Condition } from '../status/conditions.ts';
import { transitions } from './transitions.ts';

type Seen = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** `Accepted=False/Invalid` and so on. */
const conditions = (text: string): Seen[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((each) => {
      const [, type, status, reason] = /^(\w+)=(\w+)\/(\w+)$/.exec(each)!;
      return { type, status, reason, message: `it is ${reason}` } as Seen;
    });
const WELL =
  'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed Ready=True/Ready';
const WAITING =
  'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=False/Pending Ready=False/Pending Reconciling=True/Pending';
const CONFLICTED =
  'Accepted=False/Conflicted ResolvedRefs=Unknown/NotAccepted Programmed=False/NotAccepted Ready=False/Conflicted Stalled=True/Conflicted';
const NO_SECRET =
  'Accepted=True/Accepted ResolvedRefs=False/SecretNotFound Programmed=True/Programmed Ready=False/SecretNotFound Stalled=True/SecretNotFound';
const NO_PODS =
  'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=False/NoPods Ready=False/NoPods Reconciling=True/NoPods';
const UNPULLED =
  'Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=False/NoPods Ready=False/ImageNotPulled';

const told = (before: string, after: string, kind = 'MailDomain', wasTroubled = false): string[] =>
  transitions(kind, conditions(before), conditions(after), wasTroubled).events.map(
    ({ type, reason, action, note }) => {
      expect(note).not.toBe('');
      return `${type} ${reason} ${action}`;
    },
  );

describe('what is told', () => {
  it.each<[string, string, string, string[]]>([
    ['nothing of a resource that comes up', '', WAITING, []],
    ['nothing when it is ready', WAITING, WELL, []],
    ['nothing of an edit on its way', WELL, WAITING, []],
    ['nothing where nothing changes', CONFLICTED, CONFLICTED, []],
    ['a conflict, once', WELL, CONFLICTED, ['Warning Conflicted Accepted']],
    ['one of a new resource', '', CONFLICTED, ['Warning Conflicted Accepted']],
    ['a missing Secret', WELL, NO_SECRET, ['Warning SecretNotFound ResolvedRefs']],
    ['another thing that is wrong', CONFLICTED, NO_SECRET, ['Warning SecretNotFound ResolvedRefs']],
    ['nothing of a fleet without pods', WELL, NO_PODS, []],
  ])('%s', (_what, before, after, events) => {
    expect(told(before, after)).toEqual(events);
  });

  it('of an MTA: the first cause, and that nobody serves any more', () => {
    expect(told('', NO_PODS, 'MTA')).toEqual([]);
    expect(told(WELL, NO_PODS, 'MTA')).toEqual(['Warning NoPods Ready']);
    expect(told(WELL, UNPULLED, 'MTA')).toEqual(['Warning ImageNotPulled Ready']);
    expect(told(NO_PODS, UNPULLED, 'MTA')).toEqual(['Warning ImageNotPulled Ready']);
    expect(told(UNPULLED, UNPULLED, 'MTA')).toEqual([]);
  });

  it('of an MTA: that a key waits for its record, and that none does any more', () => {
    const waits = `${WELL} DANEReady=False/KeyWaits`;
    const none = `${WELL} DANEReady=True/DANEReady`;
    expect(told(none, waits, 'MTA')).toEqual(['Warning KeyWaits DANEReady']);
    expect(told(waits, waits, 'MTA')).toEqual([]);
    expect(told(waits, none, 'MTA')).toEqual(['Normal DANEReady DANEReady']);
    expect(told('', none, 'MTA')).toEqual([]);
  });

  it('that it is well again, where it was told that it was not', () => {
    const first = transitions('MailDomain', conditions(WELL), conditions(NO_SECRET), false);
    expect(first.isTroubled).toBe(true);
    const second = transitions('MailDomain', conditions(NO_SECRET), conditions(WAITING), true);
    expect(second).toMatchObject({ events: [], isTroubled: true });
    const third = transitions('MailDomain', conditions(WAITING), conditions(WELL), true);
    expect(third.events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(['Normal Ready']);
    expect(third.isTroubled).toBe(false);
  });

  it('of the queue: what is wrong, and that it is over; and a full one once', () => {
    const old = `${WELL} QueueHealthy=False/OldMail`;
    const unknown = `${WELL} QueueHealthy=Unknown/PodUnreachable`;
    const well = `${WELL} QueueHealthy=True/QueueHealthy`;
    expect(told(well, old, 'MTA')).toEqual(['Warning OldMail QueueHealthy']);
    expect(told(old, well, 'MTA')).toEqual(['Normal QueueHealthy QueueHealthy']);
    expect(told(well, unknown, 'MTA')).toEqual([]);
    expect(told(unknown, well, 'MTA')).toEqual([]);
    const full = WELL.replace('Ready=True/Ready', 'Ready=False/QueueFull QueueHealthy=False/QueueFull');
    expect(told(well, full, 'MTA')).toEqual(['Warning QueueFull QueueHealthy']);
  });

  it('of a drain: that it is blocked, and that it is over', () => {
    const scaled = (text: string) => `${WELL} Scaled=${text}`;
    expect(told(scaled('True/Scaled'), scaled('False/Draining'), 'MTA')).toEqual([]);
    expect(told(scaled('False/Draining'), scaled('True/Scaled'), 'MTA')).toEqual([]);
    expect(told(scaled('False/Draining'), scaled('False/DrainBlocked'), 'MTA')).toEqual([
      'Warning DrainBlocked Scaled',
    ]);
    expect(told(scaled('False/DrainBlocked'), scaled('True/Scaled'), 'MTA')).toEqual([
      'Normal Scaled Scaled',
    ]);
  });

  it('that it is paused, and that it goes on', () => {
    const paused = `${WELL} Paused=True/Paused`;
    expect(told(WELL, paused, 'MTA')).toEqual(['Normal Paused Paused']);
    expect(told(paused, WELL, 'MTA')).toEqual(['Normal Paused Paused']);
    expect(told(paused, paused, 'MTA')).toEqual([]);
  });
});
