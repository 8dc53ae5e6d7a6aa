/**
 * Applies the objects of one fleet. One that the API server refuses, by a quota, by admission, or because it is invalid, keeps none of the
 * others from being applied, nor the config from the pods: it is noted, for the status, and fails the round at its end. Every other
 * failure ends the round at once.
 */
import { reasons } from '../../crds/conditions.ts';
import { type ApiError, isRefusal, isWebhookDown } from '../kube/api-error.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAsDesired, withDigest } from '../kube/desired.ts';
import { type KubeObject, keyOf, type ResourceType } from '../kube/resource.ts';
import { ConfigTooLarge } from '../objects/config.ts';
import type { Trouble } from '../status/pod-trouble.ts';
import type { Watched } from './watched.ts';

export class ObjectsRefused extends Error {
  override readonly name = 'ObjectsRefused';
}

export class Applier {
  readonly #client: Pick<KubeClient, 'apply'>;
  readonly #watched: Pick<Watched, 'made' | 'wrote'>;
  #round: Trouble[] = [];
  #refused: readonly Trouble[] = [];

  constructor(client: Pick<KubeClient, 'apply'>, watched: Pick<Watched, 'made' | 'wrote'>) {
    this.#client = client;
    this.#watched = watched;
  }

  /** What was refused in the last round that came to its end. */
  get refused(): readonly Trouble[] {
    return this.#refused;
  }

  begin(): void {
    this.#round = [];
  }

  async apply(type: ResourceType, object: unknown): Promise<void> {
    const desired = withDigest(object as KubeObject);
    const observed = this.#watched.made(type).get(keyOf(desired.metadata));
    if (isAsDesired(desired, observed)) return;
    try {
      this.#watched.wrote(type, await this.#client.apply(type, desired));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#round.push({
        reason: reasons.ObjectRefused,
        message: `The API server refuses ${type.kind} ${desired.metadata.name}: ${error.message}: ${adviceFor(error)}`,
      });
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
