/** What two members tell each other at each beat, and at once when there is something new. */
import { z } from 'zod';
import { budgetMessageSchema } from './budget-types.ts';

const name = z.string().min(1).max(512);
const count = z.int().nonnegative();

/** What one member has learnt of a destination: that it answers, or that it doesn't, and when it may be asked next. */
export const newsSchema = z.strictObject({
  destination: name,
  down: z
    .strictObject({
      waitMs: z.number().nonnegative(),
      reply: z.strictObject({
        code: z.int().min(200).max(599),
        enhanced: z.string().max(16),
        text: z.string().max(2000),
        remote: z.string().max(512).optional(),
      }),
    })
    .optional(),
});
export type DestinationNews = z.infer<typeof newsSchema>;

export const MOST_ITEMS = 1000;

export const beatSchema = z.strictObject({
  budgets: budgetMessageSchema,
  loads: z
    .array(z.strictObject({ worker: name, ready: count, active: count, capacity: count }))
    .max(MOST_ITEMS),
  releases: z.array(z.strictObject({ lane: name, lease: name, to: name.optional() })).max(MOST_ITEMS),
  news: z.array(newsSchema).max(MOST_ITEMS),
});
export type Beat = z.infer<typeof beatSchema>;
