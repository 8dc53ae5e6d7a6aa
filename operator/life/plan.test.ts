import { describe, expect, it } from 'vitest';
import { type LeavingReport, type LifeFacts, type PodFacts, planLife, type VolumeFacts } from './plan.ts';

const pod = (ordinal: number, more: Partial<PodFacts> = {}): PodFacts => ({
  ...{ ordinal, isPlaced: true, isSilent: false, report: undefined },
  ...more,
});
const volume = (ordinal: number | undefined, more: Partial<VolumeFacts> = {}): VolumeFacts => ({
  ...{ name: ordinal === undefined ? 'q' : `q${ordinal}`, ordinal, isUnused: false, proof: undefined },
  ...more,
});
const drained = (claim: LeavingReport['claim'], proof = 'sha256:1'): LeavingReport => ({
  ...{ state: 'drained', claim, messages: 0, proof, problems: [] },
});
const draining = (claim: LeavingReport['claim'], messages: number): LeavingReport => ({
  ...{ state: 'draining', claim, messages, proof: undefined, problems: [] },
});
const facts = (more: Partial<LifeFacts>): LifeFacts => ({
  ...{ mode: 'PerReplica', desired: 1, ending: undefined, replicas: 3, pods: [], volumes: [] },
  ...more,
});
const three = (...reports: (LeavingReport | undefined)[]) => ({
  pods: [0, 1, 2].map((ordinal) => pod(ordinal, { report: reports[ordinal] })),
  volumes: [0, 1, 2].map((ordinal) => volume(ordinal)),
});

describe('a fleet with a volume for each pod', () => {
  it('grows at once', () => {
    expect(planLife(facts({ desired: 5, ...three() }))).toMatchObject({ replicas: 5, removed: [] });
  });

  it('keeps pods that are too many until they have proven that they are empty', () => {
    const plan = planLife(facts(three(undefined, undefined, draining('empty', 7))));
    expect(plan.replicas).toBe(3);
    expect([...plan.leaving]).toEqual([
      [1, 'empty'],
      [2, 'empty'],
    ]);
    expect(plan.removed).toEqual([]);
  });

  it('lets one that is empty sooner wait for those behind it', () => {
    const plan = planLife(facts(three(undefined, drained('empty'), draining('empty', 7))));
    expect(plan.replicas).toBe(3);
    expect(plan.proven).toEqual(new Map());
  });

  it('writes the proof down as it shrinks', () => {
    const plan = planLife(facts(three(undefined, draining('empty', 1), drained('empty', 'sha256:2'))));
    expect(plan.replicas).toBe(2);
    expect([...plan.proven]).toEqual([['q2', 'sha256:2']]);
    expect(plan.removed).toEqual([]);
    expect([...plan.leaving.keys()]).toEqual([1, 2]);
  });

  it('removes a volume when its pod has gone, and the proof is written down', () => {
    const proven = [volume(0), volume(1), volume(2, { proof: 'sha256:2' })];
    const gone = { pods: [pod(0), pod(1)], volumes: proven };
    expect(planLife(facts({ desired: 2, replicas: 2, ...gone })).removed).toEqual(['q2']);
    expect(planLife(facts({ desired: 2, replicas: 3, ...gone })).removed).toEqual([]);
    expect(
      planLife(facts({ desired: 2, replicas: 2, ...gone, pods: [pod(0), pod(1), pod(2)] })).removed,
    ).toEqual([]);
    const unproven = { ...gone, volumes: [volume(0), volume(1), volume(2)] };
    expect(planLife(facts({ desired: 2, replicas: 2, ...unproven })).removed).toEqual([]);
  });

  it('lets a pod go on leaving that ends, though the set has shrunk and the pod is not heard any more', () => {
    const volumes = [volume(0), volume(1, { proof: 'sha256:1' }), volume(2, { proof: 'sha256:2' })];
    const pods = [pod(0), pod(1, { report: drained('empty') }), pod(2)];
    const plan = planLife(facts({ replicas: 1, pods, volumes }));
    expect(plan).toMatchObject({ replicas: 1, removed: [], orphans: [] });
    expect([...plan.leaving.keys()]).toEqual([1, 2]);
  });

  it('does not believe a proof that its pod has taken back', () => {
    const volumes = [volume(0), volume(1, { proof: 'sha256:1' })];
    const pods = [pod(0), pod(1, { report: draining('empty', 1) })];
    expect(planLife(facts({ replicas: 2, pods, volumes })).replicas).toBe(2);
  });

  it('does not wait for a pod that never had a volume', () => {
    const pending = {
      pods: [pod(0), pod(1, { isPlaced: false })],
      volumes: [volume(0), volume(1, { isUnused: true })],
    };
    expect(planLife(facts({ replicas: 2, ...pending })).replicas).toBe(1);
    expect(planLife(facts({ replicas: 1, ...pending, pods: [pod(0)] })).removed).toEqual(['q1']);
  });

  it('waits for one that does not answer: its mail is nowhere else', () => {
    const silent = [pod(0), pod(1, { isSilent: true })];
    const plan = planLife(facts({ replicas: 2, pods: silent, volumes: [volume(0), volume(1)] }));
    expect(plan.replicas).toBe(2);
  });

  it('brings the pod of a volume back that nobody has emptied', () => {
    const plan = planLife(facts({ replicas: 1, pods: [pod(0)], volumes: [volume(0), volume(2)] }));
    expect(plan).toMatchObject({ replicas: 3, orphans: ['q2'], removed: [] });
    expect([...plan.leaving.keys()]).toEqual([1, 2]);
  });
});

describe('a fleet that shares a volume', () => {
  const shared = { mode: 'Shared', volumes: [volume(undefined)] } as const;

  it('lets a pod go when it has let go of its lanes', () => {
    const { pods } = three(undefined, draining('released', 3), drained('released'));
    expect(planLife(facts({ ...shared, pods }))).toMatchObject({
      replicas: 2,
      proven: new Map(),
      removed: [],
    });
  });

  it('does not wait for one that does not run, or does not answer: others have its lanes', () => {
    const pods = [pod(0), pod(1, { isPlaced: false }), pod(2, { isSilent: true })];
    expect(planLife(facts({ ...shared, pods })).replicas).toBe(1);
  });

  it('may have no pod at all, and keeps its volume', () => {
    expect(planLife(facts({ ...shared, desired: 0, replicas: 0 }))).toMatchObject({
      replicas: 0,
      removed: [],
    });
  });
});

describe('an MTA that is being deleted', () => {
  const ending = { ending: 'Deliver', desired: 3 } as const;

  it('keeps all pods until each volume is empty', () => {
    const plan = planLife(
      facts({ ...ending, ...three(drained('empty'), draining('empty', 1), drained('empty')) }),
    );
    expect(plan).toMatchObject({ replicas: 3, isOver: false });
    expect([...plan.leaving.values()]).toEqual(['empty', 'empty', 'empty']);
  });

  it('writes down what is proven, and stops its pods', () => {
    const done = three(drained('empty', 'a'), drained('empty', 'b'), drained('empty', 'c'));
    const plan = planLife(facts({ ...ending, ...done }));
    expect(plan).toMatchObject({ replicas: 0, removed: [], isOver: false });
    expect([...plan.proven.values()]).toEqual(['a', 'b', 'c']);
    expect(plan.leaving.size).toBe(3);
  });

  it('is over when the pods have gone, and takes the volumes with it', () => {
    const volumes = [0, 1, 2].map((ordinal) => volume(ordinal, { proof: 'a' }));
    const plan = planLife(facts({ ...ending, replicas: 0, volumes }));
    expect(plan).toMatchObject({ removed: ['q0', 'q1', 'q2'], isOver: true });
  });

  it('wakes a pod for a volume that nobody has emptied', () => {
    expect(planLife(facts({ ...ending, replicas: 0, volumes: [volume(1)] })).replicas).toBe(2);
    const shared = facts({ ...ending, mode: 'Shared', replicas: 0, volumes: [volume(undefined)] });
    expect(planLife(shared).replicas).toBe(1);
  });

  it('waits in a shared folder until all who run have seen that nobody has anything there', () => {
    const shared = { ...ending, mode: 'Shared', volumes: [volume(undefined)] } as const;
    const { pods } = three(drained('empty'), drained('released'), drained('empty'));
    expect(planLife(facts({ ...shared, pods })).replicas).toBe(3);
    const all = three(drained('empty'), drained('empty'), drained('empty')).pods;
    expect(planLife(facts({ ...shared, pods: all }))).toMatchObject({ replicas: 0 });
    const [first, second] = all;
    const pending = [first!, second!, pod(2, { isPlaced: false })];
    expect(planLife(facts({ ...shared, pods: pending }))).toMatchObject({ replicas: 0 });
    expect(planLife(facts({ ...shared, pods: all, volumes: [] })).replicas).toBe(3);
  });

  it('stops, and keeps its volumes or not, where that is asked for', () => {
    const all = three();
    expect(planLife(facts({ ...all, ending: 'KeepVolumes' }))).toMatchObject({ replicas: 0, isOver: false });
    const gone = { replicas: 0, pods: [], volumes: all.volumes };
    expect(planLife(facts({ ...gone, ending: 'KeepVolumes' }))).toMatchObject({ removed: [], isOver: true });
    expect(planLife(facts({ ...gone, ending: 'Discard' }))).toMatchObject({
      removed: ['q0', 'q1', 'q2'],
      isOver: true,
    });
  });
});
