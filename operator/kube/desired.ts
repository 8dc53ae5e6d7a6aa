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

/**
 * Everything of one is so in the other; lists are the same length, in the same order. What is empty may be left out, and quantities are
 * written in many ways: the API server has its own.
 */
function isWithin(one: unknown, other: unknown): boolean {
  if (other === undefined) return isEmpty(one);
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) && one.length === other.length && one.every((each, i) => isWithin(each, other[i]))
    );
  }
  if (typeof one !== 'object' || one === null) return one === other || isSameQuantity(one, other);
  if (typeof other !== 'object' || other === null) return false;
  return Object.entries(one).every(
    ([name, value]) => value === undefined || isWithin(value, (other as Record<string, unknown>)[name]),
  );
}

const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

const SUFFIXES: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** Undefined for what is no quantity. */
function amountOf(value: unknown): number | undefined {
  const [, number, suffix] = /^(\d+(?:\.\d+)?)([numkMGTPE]|[KMGTPE]i)?$/.exec(String(value)) ?? [];
  return number === undefined ? undefined : Number(number) * SUFFIXES[suffix ?? '']!;
}

/** `1000m` is 1, `1024Mi` is 1Gi; a number in YAML is text to the API server. */
function isSameQuantity(one: unknown, other: unknown): boolean {
  if (typeof other !== 'string') return false;
  const amount = amountOf(one);
  return amount !== undefined && amount === amountOf(other);
}
