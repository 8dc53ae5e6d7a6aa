/**
 * Whether an object is as it was last applied: then nothing is written. What others have added to it is theirs; what they have changed of
 * ours, or taken away, is not as desired. Fields that we name no more are told by a digest of all that we named, which goes
 * with the object. Pure.
 */
import { createHash } from 'node:crypto';
import type { KubeObject } from './resource.ts';

const DIGEST = 'postrider.dev/desired';

/** The object with the digest of itself, as it is to be applied. */
export function withDigest<T extends KubeObject>(object: T): T {
  const digest = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 32);
  const annotations = { ...object.metadata.annotations, [DIGEST]: digest };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** @param desired with its digest */
export function isAsDesired(desired: KubeObject, observed: KubeObject | undefined): boolean {
  // In a list the API server says them once, for all of it.
  const { apiVersion: _, kind: __, ...rest } = desired;
  return observed !== undefined && isWithin(rest, observed);
}

/** Everything of one is so in the other; lists are the same length, in the same order. */
function isWithin(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) && one.length === other.length && one.every((each, i) => isWithin(each, other[i]))
    );
  }
  if (typeof one !== 'object' || one === null) return one === other;
  if (typeof other !== 'object' || other === null) return false;
  return Object.entries(one).every(
    ([name, value]) => value === undefined || isWithin(value, (other as Record<string, unknown>)[name]),
  );
}
