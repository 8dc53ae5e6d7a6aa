/** Makes a plan for the life of a fleet come true, in the order in which no mail is lost: see operator/life/plan.ts. */

import type { KubeClient } from '../kube/client.ts';
import { keyOf } from '../kube/resource.ts';
import { OWN_KINDS, PODS, VOLUME_CLAIMS } from '../kube/resources.ts';
import { claimOf, factsOf, PROOF, proofIn, type SeenPod, type VolumeClaimObject } from '../life/facts.ts';
import { type LifePlan, planLife } from '../life/plan.ts';
import { type Fleet, isOf, isOurs, names } from '../objects/fleet.ts';
import type { OwnObject, Watched } from './watched.ts';

/** On an MTA, from before its first pod until its mail is taken care of. */
export const FINALIZER = 'postrider.dev/mail';
/** An annotation on an MTA: nothing is written for it, and its pods are told nothing. */
export const PAUSED = 'postrider.dev/paused';

export const isPaused = ({ metadata }: OwnObject): boolean =>
  (metadata.annotations?.[PAUSED] ?? 'false') !== 'false';

export class FleetLife {
  readonly #client: KubeClient;
  readonly #watched: Watched;

  constructor(client: KubeClient, watched: Watched) {
    this.#client = client;
    this.#watched = watched;
  }

  /** Of the StatefulSet, as it is; 0 where there is none. */
  replicas(fleet: Fleet): number {
    const { namespace } = fleet;
    const name = names.statefulSet(fleet);
    return this.#watched.statefulSets.get(keyOf({ namespace, name }))?.spec?.replicas ?? 0;
  }

  plan(fleet: Fleet, pods: readonly SeenPod[]): LifePlan {
    const claims = this.#watched.made(VOLUME_CLAIMS).values() as Iterable<VolumeClaimObject>;
    return planLife(factsOf(fleet, { replicas: this.replicas(fleet), pods, claims }));
  }

  /** Before there may be mail. */
  async hold({ metadata }: OwnObject): Promise<void> {
    const { finalizers = [] } = metadata;
    if (!finalizers.includes(FINALIZER)) await this.#setFinalizers(metadata, [...finalizers, FINALIZER]);
  }

  /** Before the StatefulSet is written: what is proven is written down, on the volume as it was seen. */
  async before({ namespace }: Fleet, plan: LifePlan): Promise<void> {
    for (const [name, proof] of plan.proven) {
      const resourceVersion = this.#claim(namespace, name)?.metadata.resourceVersion;
      const metadata = { resourceVersion, annotations: { [PROOF]: proof } };
      this.#watched.wrote(
        VOLUME_CLAIMS,
        await this.#client.patch(VOLUME_CLAIMS, { namespace, name }, { metadata }),
      );
    }
  }

  /**
   * Before a pod that was leaving serves: there is no proof any more that its volume is empty. Rejects where the volume is on its way out; a
   * pod that has proven that it has nothing on it is deleted then, and comes back with a new one.
   *
   * @param now ms since the epoch
   */
  async beforeServing(fleet: Fleet, pod: string, now: number): Promise<void> {
    const { namespace } = fleet;
    if (fleet.spec.storage.mode === 'Shared') return;
    const name = claimOf(fleet, pod);
    const claim = await this.#client.get<VolumeClaimObject>(VOLUME_CLAIMS, { namespace, name });
    if (claim === undefined) return;
    const { deletionTimestamp, annotations, resourceVersion } = claim.metadata;
    if (deletionTimestamp !== undefined) {
      if (proofIn(annotations?.[PROOF]) !== undefined)
        await this.#client.delete(PODS, { namespace, name: pod });
      throw new Error(`the volume ${name} of pod ${pod} is being deleted`);
    }
    // Another value each time: who has seen the one before can't delete it, nor write a proof down.
    const since = `no: in use since ${new Date(now).toISOString()}`;
    const metadata = { resourceVersion, annotations: { [PROOF]: since } };
    await this.#client.patch(VOLUME_CLAIMS, { namespace, name }, { metadata });
  }

  /** After it: volumes that nobody has any more. */
  async after({ namespace }: Fleet, { removed }: LifePlan): Promise<void> {
    for (const name of removed) {
      const seen = this.#claim(namespace, name);
      if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) continue;
      const { uid, resourceVersion } = seen.metadata;
      await this.#client.delete(VOLUME_CLAIMS, { namespace, name }, { uid, resourceVersion });
      // So that it isn't deleted twice; what the watch tells is newer.
      this.#watched.wrote(VOLUME_CLAIMS, {
        ...seen,
        metadata: { ...seen.metadata, deletionTimestamp: 'now' },
      });
    }
  }

  /** Everything that was made for an MTA goes, but for volumes; then the MTA itself. */
  async end(fleet: Fleet, { metadata }: OwnObject): Promise<void> {
    for (const type of this.#watched.madeTypes) {
      if (type === VOLUME_CLAIMS) continue;
      for (const { metadata: made } of this.#watched.made(type).values()) {
        if (!isOurs(made) || !isOf(fleet, made) || made.deletionTimestamp !== undefined) continue;
        await this.#client.delete(type, made);
      }
    }
    const left = await this.#client.get(OWN_KINDS.get('MTA')!, metadata);
    if (left === undefined || left.metadata.uid !== metadata.uid) return;
    const others = left.metadata.finalizers?.filter((each) => each !== FINALIZER) ?? [];
    await this.#setFinalizers(left.metadata, others);
  }

  /**
   * Of this MTA as it was seen, and no other of its name. Not by apply: whoever applies MTAs under our field manager's name would lose what
   * the spec says.
   */
  async #setFinalizers(seen: OwnObject['metadata'], finalizers: readonly string[]): Promise<void> {
    const { uid, resourceVersion } = seen;
    const type = OWN_KINDS.get('MTA')!;
    const metadata = { uid, resourceVersion, finalizers };
    this.#watched.wrote(type, await this.#client.patch(type, seen, { metadata }));
  }

  #claim(namespace: string, name: string): VolumeClaimObject | undefined {
    return this.#watched.made(VOLUME_CLAIMS).get(keyOf({ namespace, name }));
  }
}
