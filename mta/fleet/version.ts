/**
 * Versions of the channel. Each side says its own with every call and answer; N talks with N-1 and with N+1.
 *
 * What comes in is checked against a strict schema. Members that it doesn't know are refused from a peer of our own
 * version or an older one, where they can only be a mistake, and left out from a newer one: what must not be left out,
 * that one doesn't send to us.
 */
import type { z } from 'zod';
import { PostriderError } from '../errors.ts';

export const FLEET_VERSION = 1;
export const VERSION_HEADER = 'postrider-fleet-version';

/** The version in a header. Throws `MemberRefused` where there is none, or it is too old or too new for us. */
export function peerVersion(header: unknown): number {
  const version = typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) : undefined;
  if (version !== undefined && Math.abs(version - FLEET_VERSION) <= 1 && version > 0) return version;
  throw new PostriderError(
    'MemberRefused',
    `version ${String(header)} of the fleet channel doesn't go with ${FLEET_VERSION}`,
    { hint: 'update the pods of a fleet one version at a time' },
  );
}

/** Throws `UsageError` naming what is wrong. */
export function parseFrom<T>(schema: z.ZodType<T>, value: unknown, version: number): T {
  const first = schema.safeParse(value);
  if (first.success) return first.data;
  const unknown = first.error.issues.filter((issue) => issue.code === 'unrecognized_keys');
  if (version > FLEET_VERSION && unknown.length === first.error.issues.length) {
    const known = structuredClone(value);
    for (const { path, keys } of unknown) {
      const holder = path.reduce((node, step) => (node as Record<PropertyKey, unknown>)[step], known);
      for (const key of keys) delete (holder as Record<string, unknown>)[key];
    }
    return schema.parse(known);
  }
  const [issue] = first.error.issues;
  throw new PostriderError('UsageError', `${issue!.path.join('.') || 'message'}: ${issue!.message}`);
}
