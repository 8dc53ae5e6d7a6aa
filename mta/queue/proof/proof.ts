/**
 * Proof that a pod may go, and its volume with it where it is the pod's own: what was on the volume when it was looked at.
 * The digest is over everything but the time, so that it stays the same for as long as the volume does. Pure.
 */
import { createHash } from 'node:crypto';
import type { Verdict } from './verdict.ts';

/** What a proof is about. */
export interface Proven {
  /** Name of the pod among the members of its fleet. */
  readonly pod: string;
  /** `namespace/name` */
  readonly fleet: string;
  /** Of the config that is loaded. */
  readonly revision: number;
  /** `empty`: the volume holds no mail. `released`: no lane of this pod's in the shared folder waits for anybody. */
  readonly claim: 'empty' | 'released';
  /** The queue's folder, and what the queue in it is known by. */
  readonly queue: { readonly path: string; readonly id: string | undefined };
}

export interface Proof extends Proven {
  /** When the volume was looked at, ISO 8601. */
  readonly at: string;
  /** What was there and is no mail, at most 1,000 names, and how much there was of everything. */
  readonly listed: { readonly names: readonly string[]; readonly counts: Readonly<Record<string, number>> };
  /** `sha256:…` over all of the above but the time, of every name. */
  readonly digest: string;
}

const MOST_NAMES = 1000;

/** Undefined where something is left. @param now ms since the epoch */
export function proofOf(proven: Proven, { left, listed, counts }: Verdict, now: number): Proof | undefined {
  if (left.length > 0) return undefined;
  const { pod, fleet, revision, claim, queue } = proven;
  const said = [1, pod, fleet, revision, claim, queue.path, queue.id ?? '', listed, Object.entries(counts)];
  return {
    at: new Date(now).toISOString(),
    ...proven,
    listed: { names: listed.slice(0, MOST_NAMES), counts },
    digest: `sha256:${createHash('sha256').update(JSON.stringify(said)).digest('hex')}`,
  };
}
