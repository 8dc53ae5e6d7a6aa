/** What members tell each other of budgets, and how long it counts. */
import { z } from 'zod';

/**
 * `connections relay:mail/out`. What a token of a budget is, its first word says: a connection, a message sent within the
 * period of a rate, or the one probe of a destination that is down.
 */
export type BudgetId = string;

const stamp = z.number().nonnegative();
const tokens = z.int().nonnegative().max(1_000_000_000);
const id = z.string().min(1).max(512);

export const MOST_BUDGETS = 4096;

/** What a member wants of an arbiter, or has on its word. */
export const claimSchema = z.strictObject({
  id,
  want: tokens,
  /** What it owns. */
  share: tokens,
  /** The most that it may be using at this moment. */
  holds: tokens,
  /** Stamp of the arbiter's message that it goes by; absent where it goes by none of the recipient's. */
  by: stamp.optional(),
});
export type Claim = z.infer<typeof claimSchema>;

/** What an arbiter lets a member have, which it takes to own `share`. */
export const allotmentSchema = z.strictObject({ id, tokens, share: tokens });
export type Allotment = z.infer<typeof allotmentSchema>;

export const budgetMessageSchema = z.strictObject({
  /** When the sender's process began, by its wall clock: tells it from those that had its name before. */
  incarnation: stamp,
  /** The incarnation of the recipient that the sender knows; 0 for none. */
  to: stamp,
  /** The sender's monotonic clock; grows with each message. */
  stamp,
  /** Stamp of the newest message from the recipient that the sender has taken in; 0 for none. */
  seen: stamp,
  /** All members that the sender knows of, itself among them. */
  names: z.array(z.string().max(63)).max(1024),
  claims: z.array(claimSchema).max(MOST_BUDGETS),
  allotments: z.array(allotmentSchema).max(MOST_BUDGETS),
});
export type BudgetMessage = z.infer<typeof budgetMessageSchema>;

/** How long things count, in ms. Everything follows from the term. */
export interface BudgetTimes {
  /** A member that wasn't heard for so long is taken for silent. */
  readonly silent: number;
  /** For how long a member uses more than it owns on an arbiter's word. */
  readonly loan: number;
  /** What the arbiter waits beyond that before it lends the same tokens again: attempts under way may end. */
  readonly grace: number;
  /** For how long a member leaves unused what it owns, on an arbiter's word. */
  readonly hold: number;
  /** For how long a member that has just begun owns nothing, and nobody more than before a change of names. */
  readonly change: number;
}

export function budgetTimes(termSeconds: number): BudgetTimes {
  const term = termSeconds * 1000;
  return { silent: term / 2, loan: term / 3, grace: term / 3, hold: term, change: term };
}
