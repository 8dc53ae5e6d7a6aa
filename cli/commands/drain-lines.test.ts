import { describe, expect, it } from 'vitest';
import type { Draining } from '../../mta/control/drain-types.ts';
import { drainLines, progressLine } from './drain-lines.ts';

const draining: Draining = {
  state: 'draining',
  ...{ mode: 'PerReplica', claim: 'empty' },
  since: '2026-11-22T12:00:00.000Z',
  messages: 12,
  bytes: 2048,
  lanes: [{ id: 'aaaaaaaaaaaa', messages: 12, bytes: 2048 }],
  moved: { messages: 100, bytes: 1024 },
  movedPerSecond: { messages: 2.5, bytes: 1 },
  pinned: [{ member: 'mta-1', lane: 'l', batch: 'x', messages: 3 }],
  owed: [{ member: 'mta-2', lane: 'm', batch: 'y' }],
  problems: [{ subject: 'mta-1', reason: 'it is not heard\u001b', advice: 'Bring it back.' }],
  left: [],
};

describe('what drain prints', () => {
  it('while it lasts', () => {
    expect(drainLines(draining)).toEqual([
      'Draining since 2026-11-22T12:00:00.000Z: this pod gives its messages to other members.',
      '  left     12 messages, 2.0 KiB in 1 lane (aaaaaaaaaaaa)',
      '  moved    100 messages, 1.0 KiB; 2.5 a second',
      '  pinned   3 messages to mta-1, batch x',
      '  owed     by mta-2: batch y is not over',
      '  problem  mta-1: it is not heard?',
      '           Bring it back.',
    ]);
    expect(progressLine(draining)).toBe(
      '12 messages, 2.0 KiB in 1 lane; 100 moved, 2.5 a second; 3 wait for an answer; 1 problem',
    );
  });

  it('where the volume is not empty', () => {
    const nothing = { messages: 0, bytes: 0 };
    const left = [{ kind: 'unknown' as const, where: 'lanes/x', what: 'a stranger' }];
    const status = { ...draining, lanes: [], pinned: [], owed: [], problems: [], moved: nothing, left };
    expect(drainLines({ ...status, mode: 'Shared', claim: 'released' })).toEqual([
      'Draining since 2026-11-22T12:00:00.000Z: this pod lets go of its lanes for other pods.',
      '  left     no lane',
      '  there    lanes/x: a stranger',
    ]);
    expect(progressLine(status)).toBe('no lane; 1 thing on the volume');
  });

  it('at the end', () => {
    const proof = {
      at: '2026-11-22T12:05:00.000Z',
      pod: 'mta-2',
      fleet: 'mail/mta',
      revision: 7,
      claim: 'empty' as const,
      queue: { path: '/queue', id: 'abcdefgh' },
      listed: { names: ['VERSION', 'lanes/', 'released/'], counts: {} },
      digest: 'sha256:00',
    };
    const { mode, claim, since, moved } = draining;
    const lines = drainLines({ state: 'drained', mode, claim, since, moved, proof });
    expect(lines).toEqual([
      'Drained: the volume holds no mail. Pod and volume may be deleted.',
      '  begun at 2026-11-22T12:00:00.000Z; 100 messages moved, 1.0 KiB',
      '  proof of 2026-11-22T12:05:00.000Z: pod mta-2 of mail/mta, revision 7, queue abcdefgh in /queue',
      '  3 names there, none of them mail; sha256:00',
    ]);
    const released = drainLines({
      state: 'drained',
      ...{ mode, claim, since, moved },
      proof: { ...proof, claim: 'released' },
    });
    expect(released[0]).toMatch('let go of all of its lanes');
    expect(drainLines({ state: 'notDraining' })).toEqual(['Not draining: this mta serves.']);
  });
});
