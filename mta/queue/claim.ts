/**
 * Which lanes may be claimed, and who tries first. Safety doesn't hang on this, as the lease decides who owns a lane; a
 * claim from an owner who lives only costs it its sessions. Pure.
 */
import type { Random } from '../random.ts';
import type { LeaseName } from './layout.ts';
import type { LaneRelease } from './types.ts';

export interface Sighting {
  readonly lease: LeaseName;
  /** Whether the lease is as we left it when we lost the lane, to a disk that failed. */
  readonly oursBefore: boolean;
  /** Whether its owner is known to run no more. */
  readonly ownerGone: boolean;
  /** Ms for which the lease has been seen unchanged. */
  readonly unchangedFor: number;
}

export type ClaimReason = 'released' | 'former' | 'ownerGone' | 'lapsed';

export interface Before {
  readonly host: string;
  readonly pid: number;
  /** Ms for which its lease had been seen unchanged. */
  readonly unchangedMs: number;
}

/** Why a lane whose owner has said nothing may be claimed, or undefined. */
export function reasonToClaim(sighting: Sighting, termMs: number): ClaimReason | undefined {
  if (sighting.oursBefore) return 'former';
  if (sighting.ownerGone) return 'ownerGone';
  return sighting.unchangedFor >= termMs ? 'lapsed' : undefined;
}

export interface Claimable {
  readonly lane: string;
  readonly lease: LeaseName;
  readonly reason: ClaimReason;
  /** What is known of who had it: for people, it decides nothing. */
  readonly before?: Before;
  /** Where it was announced. */
  readonly release?: LaneRelease;
}

/** Within this all claims of one lane begin. */
const SPREAD_MS = 400;
/** Those who hold so many adopted lanes, or more, come last. */
const TIERS = 5;

/**
 * How long a worker waits, from when it learns that a lane may be claimed until it tries. All survivors learn it at about
 * the same time: those who hold fewer adopted lanes go first, equals in an order that chance gives. Who is meant, or was
 * the owner, doesn't wait.
 *
 * @param adopted lanes that the worker holds beside its own
 * @param fraction drawn once for each lane, in [0, 1)
 */
export function claimDelayMs(
  { reason, release }: Pick<Claimable, 'reason' | 'release'>,
  adopted: number,
  fraction: number,
): number {
  if (reason === 'former' || release?.to !== undefined) return 0;
  return ((Math.min(adopted, TIERS - 1) + fraction) / TIERS) * SPREAD_MS;
}

/** Lanes of others that a worker looks at closely, for each lane of its own. */
const NEAR = 8;
/** And in all: who has adopted many has other things to do. */
const MOST_NEAR = 32;

/**
 * Which lanes a worker watches closely, and which now and then. All lanes are in one ring, by their random ids: each
 * worker watches those that follow its own. So each lane has several who would notice its owner's death, and what a
 * worker spends doesn't grow with the fleet.
 *
 * @param lanes of everybody
 */
export function lanesToWatch(
  lanes: readonly string[],
  ours: ReadonlySet<string>,
): { readonly near: readonly string[]; readonly far: readonly string[] } {
  const others = lanes.filter((lane) => !ours.has(lane)).sort();
  const near = new Set<string>();
  for (const own of ours.size > 0 ? ours : ['']) {
    const after = others.findIndex((lane) => lane > own);
    const from = after < 0 ? 0 : after;
    for (let i = 0; i < Math.min(NEAR, others.length) && near.size < MOST_NEAR; i += 1) {
      near.add(others[(from + i) % others.length]!);
    }
  }
  return { near: [...near], far: others.filter((lane) => !near.has(lane)) };
}

/** In another order in each process, so that they don't all try for the same. */
export function shuffled(found: readonly Claimable[], random: Random): Claimable[] {
  return found
    .map((one) => ({ one, key: random.fraction() }))
    .sort((a, b) => a.key - b.key)
    .map(({ one }) => one);
}
