/**
 * The plan in a small world: a StatefulSet that follows, pods that take mail and give it away, that die and come back, and an operator that
 * sees all of it late and may be stopped between any two writes. Whatever happens, no volume with mail goes.
 */
import { describe, expect, it } from 'vitest';
import { seeded } from '../../mta/testing/seeded.ts';
import { type LifeFacts, planLife } from './plan.ts';

interface Volume {
  mail: number;
  proof: string | undefined;
  /** The pod's own word that it is being emptied. */
  mark: boolean;
  version: number;
  /** Deleted, as soon as no pod has it. */
  isGoing: boolean;
}

class World {
  readonly #random;
  mode: LifeFacts['mode'];
  desired = 2;
  ending: LifeFacts['ending'];
  replicas = 0;
  readonly pods = new Map<number, { leaving: 'empty' | 'released' | undefined; isPlaced: boolean }>();
  readonly volumes = new Map<number, Volume>();
  accepted = 0;
  delivered = 0;
  readonly removedWithMail: number[] = [];
  #version = 0;
  isOver = false;
  /** What the operator sees: each part as old as it likes. */
  #seen = this.#look();

  constructor(seed: number, mode: LifeFacts['mode']) {
    this.#random = seeded(seed);
    this.mode = mode;
  }

  #below(n: number): number {
    return Math.floor(this.#random.fraction() * n);
  }
  #often(part: number): boolean {
    return this.#random.fraction() < part;
  }
  volumeOf(ordinal: number): Volume | undefined {
    return this.volumes.get(this.mode === 'Shared' ? 0 : ordinal);
  }

  #look() {
    return {
      replicas: this.replicas,
      pods: new Map(Array.from(this.pods ?? [], ([ordinal, pod]) => [ordinal, { ...pod }])),
      volumes: new Map(Array.from(this.volumes ?? [], ([ordinal, each]) => [ordinal, { ...each }])),
    };
  }

  /** Nothing that this pod may still write to holds mail. */
  #isDrained(ordinal: number): boolean {
    const pod = this.pods.get(ordinal)!;
    return pod.leaving === 'released' || (pod.leaving === 'empty' && this.volumeOf(ordinal)?.mail === 0);
  }

  #facts(): LifeFacts {
    const { pods, volumes, replicas } = this.#seen;
    return {
      ...{ mode: this.mode, desired: this.desired, ending: this.ending, replicas },
      pods: Array.from(pods, ([ordinal, { leaving, isPlaced }]) => {
        const real = this.pods.get(ordinal);
        const isHeard = leaving !== undefined && real?.leaving === leaving;
        const isDrained = isHeard && this.#isDrained(ordinal);
        return {
          ...{ ordinal, isPlaced, isSilent: false },
          report: isHeard
            ? {
                ...{ state: isDrained ? 'drained' : 'draining', claim: leaving },
                ...{ messages: 0, proof: isDrained ? `p${ordinal}` : undefined, problems: [] },
              }
            : undefined,
        } as const;
      }),
      volumes: Array.from(volumes, ([ordinal, { proof }]) => ({
        ...{ name: String(ordinal), isUnused: false, proof },
        ordinal: this.mode === 'Shared' ? undefined : ordinal,
      })),
    };
  }

  /** It may be stopped after any write. */
  operate(mayStop: boolean): void {
    if (this.isOver) return;
    const plan = planLife(this.#facts());
    const seen = this.#seen.volumes;
    const writes: (() => void)[] = [
      ...Array.from(
        plan.proven,
        ([name, proof]) =>
          () =>
            this.#prove(Number(name), proof, seen),
      ),
      () => {
        if (!plan.isOver) this.replicas = plan.replicas;
      },
      ...Array.from(this.pods.keys(), (ordinal) => () => {
        const claim = plan.leaving.get(ordinal);
        if (claim !== undefined) this.#leave(ordinal, claim);
        else if (this.ending === undefined) this.#serve(ordinal);
      }),
      ...plan.removed.map((name) => () => this.#remove(Number(name), seen)),
      () => {
        this.isOver = plan.isOver;
      },
    ];
    for (const write of writes) {
      if (mayStop && this.#often(0.1)) return;
      write();
    }
  }

  /** As it was seen, or not at all. */
  #prove(ordinal: number, proof: string, seen: ReadonlyMap<number, Volume>): void {
    const found = this.volumes.get(ordinal);
    if (found && found.version === seen.get(ordinal)?.version)
      Object.assign(found, { proof, version: this.#version++ });
  }
  #leave(ordinal: number, claim: 'empty' | 'released'): void {
    const pod = this.pods.get(ordinal);
    const found = this.volumeOf(ordinal);
    if (!pod?.isPlaced || !found) return;
    pod.leaving = claim;
    if (claim === 'empty') found.mark = true;
  }
  /** Of a pod that leaves: the proof goes before the mark does. One whose volume is going goes with it. */
  #serve(ordinal: number): void {
    const pod = this.pods.get(ordinal);
    const found = this.volumeOf(ordinal);
    if (!pod?.isPlaced || !found || pod.leaving === undefined) return;
    if (found.isGoing) {
      if (found.proof !== undefined) this.#deletePod(ordinal);
      return;
    }
    Object.assign(found, { proof: undefined, version: this.#version++ });
    if (this.#often(0.1)) return;
    found.mark = false;
    pod.leaving = undefined;
  }
  #remove(ordinal: number, seen: ReadonlyMap<number, Volume>): void {
    const found = this.volumes.get(ordinal);
    if (!found || found.version !== seen.get(ordinal)?.version) return;
    Object.assign(found, { isGoing: true, version: this.#version++ });
    this.#collect();
  }
  #deletePod(ordinal: number): void {
    this.pods.delete(ordinal);
    this.#collect();
  }
  /** A volume that is deleted goes when its pod has. */
  #collect(): void {
    for (const [ordinal, { isGoing, mail }] of this.volumes) {
      const isInUse = this.mode === 'Shared' ? this.pods.size > 0 : this.pods.has(ordinal);
      if (!isGoing || isInUse) continue;
      if (mail > 0) this.removedWithMail.push(ordinal);
      this.volumes.delete(ordinal);
    }
  }

  /** Something happens that nobody asked for, or that the cluster does. */
  live(isCalm: boolean): void {
    const ordinals = [...this.pods.keys()];
    const one = ordinals[this.#below(Math.max(1, ordinals.length))] ?? 0;
    switch (this.#below(isCalm ? 5 : 7)) {
      case 0: {
        const missing = Array.from({ length: this.replicas }, (_, i) => i).filter((i) => !this.pods.has(i));
        if (missing[0] === undefined) break;
        this.pods.set(missing[0], { leaving: undefined, isPlaced: false });
        const key = this.mode === 'Shared' ? 0 : missing[0];
        if (!this.volumes.has(key))
          this.volumes.set(key, {
            ...{ mail: 0, proof: undefined, mark: false },
            ...{ version: this.#version++, isGoing: false },
          });
        break;
      }
      case 1: {
        const highest = Math.max(-1, ...ordinals);
        if (highest >= this.replicas) this.#deletePod(highest);
        break;
      }
      case 2: {
        const pod = this.pods.get(one);
        if (pod === undefined || pod.isPlaced) break;
        // Its processes start: what is on the volume decides.
        pod.isPlaced = true;
        pod.leaving = this.mode === 'PerReplica' && this.volumeOf(one)?.mark ? 'empty' : undefined;
        break;
      }
      case 3:
        this.#moveOrDeliver(one);
        break;
      case 4: {
        const now = this.#look();
        if (this.#often(0.7)) this.#seen = { ...this.#seen, pods: now.pods };
        if (this.#often(0.7)) this.#seen = { ...this.#seen, volumes: now.volumes };
        if (this.#often(0.7)) this.#seen = { ...this.#seen, replicas: now.replicas };
        break;
      }
      case 5: {
        const pod = this.pods.get(one);
        if (!pod?.isPlaced || pod.leaving !== undefined || this.ending !== undefined) break;
        this.volumeOf(one)!.mail += 1;
        this.accepted += 1;
        break;
      }
      case 6: {
        // Its container is started again: what it was told is forgotten, but for what is on the volume.
        const pod = this.pods.get(one);
        if (pod) pod.isPlaced = false;
        if (this.ending === undefined && this.#often(0.2)) this.desired = this.#below(5);
        break;
      }
    }
  }

  #moveOrDeliver(ordinal: number): void {
    const found = this.volumeOf(ordinal);
    const pod = this.pods.get(ordinal);
    if (!pod?.isPlaced || !found || found.mail === 0) return;
    const others = [...this.pods].filter(
      ([other, { leaving, isPlaced }]) => other !== ordinal && isPlaced && !leaving,
    );
    const to = others[0]?.[0];
    if (pod.leaving === 'empty' && this.mode === 'PerReplica' && to !== undefined)
      this.volumeOf(to)!.mail += 1;
    else if (pod.leaving !== 'released') this.delivered += 1;
    else return;
    found.mail -= 1;
  }

  get kept(): number {
    return [...this.volumes.values()].reduce((sum, { mail }) => sum + mail, 0);
  }
}

describe.each(['PerReplica', 'Shared'] as const)('the life of a fleet, %s', (mode) => {
  it.each(Array.from({ length: 100 }, (_, seed) => seed))(
    'loses nothing, and comes to rest: seed %i',
    (seed) => {
      const world = new World(seed, mode);
      for (let step = 0; step < 400; step += 1) {
        world.live(false);
        if (step % 3 === 0) world.operate(true);
      }
      if (seed % 3 === 0) world.ending = seed % 2 === 0 ? 'Deliver' : 'KeepVolumes';
      for (let step = 0; step < 1500; step += 1) {
        world.live(true);
        if (step % 3 === 0) world.operate(false);
      }
      expect(world.removedWithMail).toEqual([]);
      expect(world.delivered + world.kept).toBe(world.accepted);
      if (world.ending !== undefined) expect(world.isOver).toBe(true);
      else expect([...world.pods.keys()].sort()).toEqual(Array.from({ length: world.desired }, (_, i) => i));
      if (mode === 'PerReplica' && world.ending === undefined) expect(world.volumes.size).toBe(world.desired);
      if (world.ending === 'Deliver') expect(world.volumes.size).toBe(0);
    },
  );
});
