/**
 * Applies the objects of one fleet, and takes away what isn't named any more. One that the API server refuses, by a quota, by admission, or
 * because it is invalid, keeps none of the others from being applied, nor the config from the pods: it is noted, for the status, and fails
 * the round at its end. Every other failure ends the round at once.
 */
import { reasons } from '../../crds/conditions.ts';
import { type ApiError, isConflict, isNotFound, isRefusal, isWebhookDown } from '../kube/api-error.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAsDesired, withDigest } from '../kube/desired.ts';
import { apiVersionOf, type KubeObject, keyOf, type ResourceType } from '../kube/resource.ts';
import { OPTIONAL } from '../kube/resources.ts';
import { ConfigTooLarge } from '../objects/config.ts';
import { type Fleet, isOurs } from '../objects/fleet.ts';
import type { Desired } from '../objects/objects.ts';
import { superfluous } from '../objects/superfluous.ts';
import type { Trouble } from '../status/pod-trouble.ts';
import type { Watched } from './watched.ts';

export class ObjectsRefused extends Error {
  override readonly name = 'ObjectsRefused';
}

export class Applier {
  readonly #client: Pick<KubeClient, 'apply' | 'delete'>;
  readonly #watched: Pick<Watched, 'made' | 'wrote'>;
  #round: Trouble[] = [];
  #refused: readonly Trouble[] = [];
  /** Of which something was refused in this round. */
  readonly #unwritten = new Set<ResourceType>();

  constructor(client: Pick<KubeClient, 'apply' | 'delete'>, watched: Pick<Watched, 'made' | 'wrote'>) {
    this.#client = client;
    this.#watched = watched;
  }

  /** What was refused in the last round that came to its end. */
  get refused(): readonly Trouble[] {
    return this.#refused;
  }

  begin(): void {
    this.#round = [];
    this.#unwritten.clear();
  }

  /**
   * Fields that others have changed of ours are taken back. An object that was never ours is left alone: who may write an MTA is not to have
   * what others have made.
   */
  async apply(type: ResourceType, object: unknown): Promise<void> {
    const desired = withDigest(object as KubeObject);
    const observed = this.#watched.made(type).get(keyOf(desired.metadata));
    if (isAsDesired(desired, observed)) return;
    const force = observed !== undefined && isOurs(observed.metadata);
    const apply = async () => this.#watched.wrote(type, await this.#client.apply(type, desired, { force }));
    await this.#note(type, desired, apply, force ? undefined : isConflict);
  }

  /**
   * @param desired all that the fleet names: what else there is of it goes. What an object that was refused was to take the place of stays: it
   *   may be what still serves
   */
  async prune(fleet: Fleet, desired: readonly Desired[]): Promise<void> {
    for (const { type, object } of superfluous(fleet, desired, (each) => this.#watched.made(each).values())) {
      const { metadata } = object;
      if (this.#unwritten.has(type)) continue;
      await this.#note(type, object, () => this.#client.delete(type, metadata, { uid: metadata.uid }));
    }
  }

  async #note(
    type: ResourceType,
    { metadata }: KubeObject,
    act: () => Promise<unknown>,
    isTaken: (error: unknown) => boolean = () => false,
  ): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!isRefusal(error) && !isTaken(error)) throw error;
      this.#unwritten.add(type);
      this.#round.push(troubleWith(type, metadata.name, error as ApiError));
    }
  }

  /** Does something that may find the config too large; that is noted, too. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ConfigTooLarge)) throw error;
      this.#round.push({ reason: reasons.ConfigTooLarge, message: error.message });
    }
  }

  end(): void {
    this.#refused = this.#round;
  }

  /** Rejects where something was refused: it is tried again, later and later. */
  check(): void {
    const [first] = this.#refused;
    if (first !== undefined) throw new ObjectsRefused(first.message);
  }
}

function troubleWith(type: ResourceType, name: string, error: ApiError): Trouble {
  const missing = OPTIONAL.get(type);
  if (missing !== undefined && isNotFound(error)) {
    return {
      reason: reasons.KindNotInstalled,
      message: `${type.kind} ${name} can't be made, as this cluster has no ${type.kind} of ${apiVersionOf(type)}: install ${missing}, or leave out what asks for it`,
    };
  }
  if (isConflict(error)) {
    return {
      reason: reasons.ObjectTaken,
      message: `${type.kind} ${name} is there already, and not of this fleet (${error.message}): take it away, or call the MTA or its Service otherwise`,
    };
  }
  return {
    reason: reasons.ObjectRefused,
    message: `The API server refuses ${type.kind} ${name}: ${error.message}: ${adviceFor(error)}`,
  };
}

function adviceFor(error: ApiError): string {
  const { status, message } = error;
  if (isWebhookDown(error)) return 'see that this webhook runs, or take it away';
  if (message.includes('exceeded quota')) return 'raise the quota, or ask for less';
  if (message.includes('cannot patch resource') || message.includes('cannot create resource')) {
    return 'give the ServiceAccount of the operator that right';
  }
  if (status === 403) return 'see which admission policy of the namespace forbids it';
  return 'correct what the MTA asks for';
}
