/**
 * What workers say to each other, of one pod or of several, when held mail is asked for: paths, questions and answers.
 * What goes over a lent connection goes as it is.
 */
import { z } from 'zod';

export const PICK_UP_PATHS = {
  /** Has all that waits for some destinations tried now; answers with how many messages. */
  release: '/pick-up/release',
  /** Whether anything waits for some destinations. */
  waits: '/pick-up/waits',
  /** Lends a pod the connection; answered at once, `giveBack` is what follows. */
  lend: '/pick-up/lend',
  send: '/pick-up/send',
  receive: '/pick-up/receive',
  interrupt: '/pick-up/interrupt',
  giveBack: '/pick-up/give-back',
} as const;

const name = z.string().min(1).max(512);

export const destinations = z.object({ destinations: z.array(name).max(10_000) });
export const waitingAnswer = z.object({ waiting: z.int().nonnegative() });
export const waitsAnswer = z.object({ waits: z.boolean() });
export const received = z.object({ data: z.base64(), ended: z.boolean() });

/** How the conversation stands between two borrowers. */
export const lineState = z.object({
  alive: z.boolean(),
  /** The last transaction did not end by itself. */
  needsReset: z.boolean(),
});
export type LineState = z.infer<typeof lineState>;

/** What a borrower needs to go on where its predecessor has stopped. */
export const loan = lineState.extend({
  /** Names the loan, and the worker that has the connection. */
  name,
  /** The member that has it. */
  member: name,
  destinations: z.array(name).max(10_000),
  /** What the owner's server announced: keywords and their parameters. */
  extensions: z.array(z.tuple([z.string(), z.string()])).max(1000),
  /** Who the owner is, for the log and for reports. */
  host: name,
  address: name,
  port: z.int().nonnegative(),
  tls: z.string().optional(),
});
export type Loan = z.infer<typeof loan>;

export const ofLoan = z.object({ loan: name });

/** A question or an answer as it goes. */
export const bodyOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** A loan's name says which worker has the connection: whoever starts in its place doesn't know it. */
export function loanName(worker: number, id: string): string {
  return `${worker}.${id}`;
}

export const workerOfLoan = (loanOf: string): number => Number(loanOf.slice(0, loanOf.indexOf('.')));
