/** The pods of a fleet, and how they reach each other, as the config has it. */
import { z } from 'zod';

const port = z.int().min(1).max(65535);

/** A member of a fleet: one DNS label in lower case, as its certificate bears it. */
export const memberName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/** How pods reach each other (docs/fleet.md). Which of the members a process is, it is told by `--name`. */
export const peersSchema = z.strictObject({
  /** Where each listens. */
  address: z.union([z.ipv4(), z.ipv6()]),
  port,
  members: z.discriminatedUnion('source', [
    z.strictObject({
      source: z.literal('list'),
      /** All of them, oneself too; `host` is a name or an address. */
      list: z.array(z.strictObject({ name: memberName, host: z.string().min(1), port })).min(1),
    }),
    /** A name whose addresses are those of all members, as a headless Service has it; all on the same `port`. */
    z.strictObject({ source: z.literal('dns'), name: z.string().min(1), port }),
  ]),
});
export type Peers = z.infer<typeof peersSchema>;
