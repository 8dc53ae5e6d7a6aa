import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { attachedStatus } from '../../crds/status.ts';
import { conditionsFrom, isSameStatus, programmedIn, sumOf, type Verdicts } from './conditions.ts';

const verdicts = (...all: readonly [string, 'True' | 'False' | 'Unknown', string][]): Verdicts =>
  new Map(
    all.map(([type, status, reason]) => [type, { status, reason, message: `it is ${reason}` }]),
  ) as Verdicts;

const [early, late] = ['2026-11-29T10:00:00Z', '2026-11-29T11:00:00Z'];

describe('conditions', () => {
  it('keep their time while their status stays, whatever the reason', () => {
    const before = conditionsFrom(
      verdicts(['Accepted', 'True', 'Accepted'], ['Ready', 'False', 'NoPods']),
      1,
      [],
      early,
    );
    const after = conditionsFrom(
      verdicts(['Accepted', 'False', 'Invalid'], ['Ready', 'False', 'Invalid']),
      2,
      before,
      late,
    );
    expect(after).toMatchObject([
      { type: 'Accepted', lastTransitionTime: late, observedGeneration: 2 },
      { type: 'Ready', lastTransitionTime: early, reason: 'Invalid' },
    ]);
  });

  it('are what the CRD allows', () => {
    const conditions = conditionsFrom(verdicts(['Ready', 'Unknown', 'Pending']), 1, [], early);
    const status = attachedStatus() as z.ZodType;
    expect(
      status.safeParse({ conditions, fleets: [{ namespace: 'a', name: 'b', conditions }] }).error,
    ).toBeUndefined();
  });
});

describe('of several fleets', () => {
  const well = verdicts(['Accepted', 'True', 'Accepted'], ['Ready', 'True', 'Ready']);
  const waiting = verdicts(
    ['Accepted', 'True', 'Accepted'],
    ['Ready', 'False', 'Pending'],
    ['Reconciling', 'True', 'Pending'],
  );
  const refused = verdicts(
    ['Accepted', 'False', 'Invalid'],
    ['Ready', 'False', 'Invalid'],
    ['Stalled', 'True', 'Invalid'],
  );
  const sum = (fleets: Record<string, Verdicts>) =>
    [...sumOf(new Map(Object.entries(fleets)))].map(
      ([type, { status, message }]) => `${type}=${status}: ${message}`,
    );

  it('all must be well', () => {
    expect(sum({ 'a/x': well, 'b/y': well })).toEqual([
      'Accepted=True: it is Accepted',
      'Ready=True: it is Ready',
    ]);
  });

  it('one where something is amiss is named', () => {
    expect(sum({ 'a/x': well, 'b/y': waiting })).toEqual([
      'Accepted=True: it is Accepted',
      'Ready=False: b/y: it is Pending',
      'Reconciling=True: b/y: it is Pending',
    ]);
    expect(sum({ 'a/x': waiting, 'b/y': refused })).toEqual([
      'Accepted=False: b/y: it is Invalid',
      'Ready=False: a/x: it is Pending',
      'Reconciling=True: a/x: it is Pending',
      'Stalled=True: b/y: it is Invalid',
    ]);
  });

  it('a single one needs no name', () => {
    expect(sum({ 'a/x': refused })).toContain('Accepted=False: it is Invalid');
  });
});

describe('statuses', () => {
  const [accepted, ready] = conditionsFrom(
    verdicts(['Accepted', 'True', 'Accepted'], ['Ready', 'True', 'Ready']),
    1,
    [],
    early,
  );

  it('are the same whatever the order of their conditions', () => {
    const fleet = { namespace: 'a', name: 'b' };
    const one = { conditions: [accepted, ready], fleets: [{ ...fleet, conditions: [accepted, ready] }] };
    const other = { conditions: [ready, accepted], fleets: [{ ...fleet, conditions: [ready, accepted] }] };
    expect(isSameStatus(one, other)).toBe(true);
    expect(isSameStatus(one, { ...other, conditions: [ready] })).toBe(false);
    expect(isSameStatus(one, { ...other, revision: 1 })).toBe(false);
    expect(isSameStatus(one, undefined)).toBe(false);
  });
});

it('what is programmed stays so until pods have the next, or nothing of it', () => {
  const programmed = (status: 'True' | 'False', reason: string) =>
    programmedIn(verdicts(['Programmed', status, reason]), 7, 6);
  expect(programmed('True', 'Programmed')).toBe(7);
  for (const reason of ['Pending', 'ConfigRefused', 'NoPods']) expect(programmed('False', reason)).toBe(6);
  for (const reason of ['NotAccepted', 'NotResolved', 'MTANotFound']) {
    expect(programmed('False', reason)).toBeUndefined();
  }
});
