/** What may be asked of the control port: each parameter is known, or the request is refused with `UsageError`. */
import { z } from 'zod';
import { PostriderError } from '../errors.ts';
import { KEPT_DAYS } from '../tls-rpt/receive/bounds.ts';
import type { QueueAction } from './types.ts';

const LONGEST_LIST = 10_000;
/** It is held in memory, twice: as the worker reads it, and as it crosses over to the supervisor. */
const LARGEST_CONTENT = 64 * 1024 * 1024;

const count = (otherwise: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(LONGEST_LIST))
    .default(otherwise);

const words = { destination: z.string().optional(), from: z.string().optional(), to: z.string().optional() };

export const listQuery = z.strictObject({
  ...words,
  held: z
    .enum(['true', 'false'])
    .transform((word) => word === 'true')
    .optional(),
  limit: count(100),
});

export const contentQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number of bytes')
    .transform(Number)
    .pipe(z.number().min(1).max(LARGEST_CONTENT))
    .default(10 * 1024 * 1024),
});

export const historyQuery = z.strictObject({
  id: z.string().optional(),
  from: words.from,
  to: words.to,
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  limit: count(100),
});

export const reportsQuery = z.strictObject({
  days: count(7).refine((days) => days <= KEPT_DAYS, { error: `must be at most ${KEPT_DAYS}` }),
});

export const noQuery = z.strictObject({});

export const whatToProve = z.strictObject({ claim: z.enum(['empty', 'released']).optional() });

export const whoIsGone = z.strictObject({ member: z.string().min(1) });

export const action = z.enum(['hold', 'release', 'retry', 'remove'] satisfies QueueAction[]);

/** A filter, a list of ids, or, said on purpose, everything. */
export const selection = z.union([
  z.strictObject({ ids: z.array(z.string().min(1)).min(1).max(LONGEST_LIST) }),
  z.strictObject({ all: z.literal(true) }),
  z
    .strictObject({ ...words, held: z.boolean().optional(), limit: z.int().positive().optional() })
    .refine(({ limit: _, ...filter }) => Object.values(filter).some((value) => value !== undefined), {
      error: 'must name messages: destination, from, to, held, or ids; {"all": true} is everything',
    }),
]);

/** Parses `input`, or says which parameter is wrong. */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new PostriderError('UsageError', issuesOf(parsed.error.issues).join('; '), {
    hint: 'docs/control-api.md has the requests.',
  });
}

/** One sentence per issue; of a union, those of the alternative that came nearest. */
function issuesOf(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      return issuesOf(issue.errors.reduce((a, b) => (weight(b) <= weight(a) ? b : a)));
    }
    const where = issue.path.join('.');
    return [where === '' ? issue.message : `${where}: ${issue.message}`];
  });
}

/** How far an alternative was missed: names that it doesn't know, and members that it lacks. */
function weight(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
}
