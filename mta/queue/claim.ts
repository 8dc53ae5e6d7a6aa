/**
 * Which lanes may be claimed. Safety doesn't hang on this, as the lease decides who owns a lane; a claim from an owner
 * who lives only costs it its sessions.
 */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Disk } from './disk.ts';
import { type Host, type Owner, parseOwner } from './host.ts';
import {
  isLaneId,
  type LeaseName,
  lanesPath,
  leaseName,
  ownerName,
  parseLeaseName,
  releaseName,
} from './layout.ts';

export interface Sighting {
  readonly lease: LeaseName;
  readonly released: boolean;
  /** Whether its owner is known to run no more. */
  readonly ownerGone: boolean;
  /** Ms for which the lease has been seen unchanged. */
  readonly unchangedFor: number;
}

export type ClaimReason = 'released' | 'ownerGone' | 'lapsed';

/** Why the lane may be claimed, or undefined. Pure. */
export function reasonToClaim(sighting: Sighting, termMs: number): ClaimReason | undefined {
  if (sighting.released) return 'released';
  if (sighting.ownerGone) return 'ownerGone';
  return sighting.unchangedFor >= termMs ? 'lapsed' : undefined;
}

export interface Claimable {
  readonly lane: string;
  readonly lease: LeaseName;
  readonly reason: ClaimReason;
}

/** Looks at the lanes of others, and remembers for how long each lease has been the same. */
export class LaneWatch {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #root: string;
  readonly #termMs: number;
  #seen = new Map<string, { readonly lease: string; readonly since: number }>();

  constructor(parts: { disk: Disk; clock: Clock; host: Host; root: string; termMs: number }) {
    this.#disk = parts.disk;
    this.#clock = parts.clock;
    this.#host = parts.host;
    this.#root = parts.root;
    this.#termMs = parts.termMs;
  }

  /** @param ours lanes that need no look */
  async claimable(ours: ReadonlySet<string>): Promise<Claimable[]> {
    const found: Claimable[] = [];
    const seen = new Map<string, { lease: string; since: number }>();
    for (const lane of await this.#disk.list(lanesPath(this.#root))) {
      if (!isLaneId(lane) || ours.has(lane)) continue;
      // An unreadable lane harms no other.
      const claimable = await this.#look(lane, seen).catch(() => undefined);
      if (claimable) found.push(claimable);
    }
    this.#seen = seen;
    return found;
  }

  async #look(
    lane: string,
    seen: Map<string, { lease: string; since: number }>,
  ): Promise<Claimable | undefined> {
    const folder = join(lanesPath(this.#root), lane);
    const names = await this.#disk.list(folder);
    const leases = names.flatMap((name) => parseLeaseName(name) ?? []);
    // A listing made during a rename may show both names, or neither.
    const lease = leases.sort((a, b) => b.number - a.number)[0];
    if (!lease) return undefined;
    const before = this.#seen.get(lane);
    const now = this.#clock.monotonic();
    const name = leaseName(lease);
    const since = before?.lease === name ? before.since : now;
    seen.set(lane, { lease: name, since });
    const owner = await this.#ownerOf(folder, lease);
    const sighting = {
      lease,
      released: names.includes(releaseName(lease.number)),
      ownerGone: owner !== undefined && this.#host.isGone(owner),
      unchangedFor: now - since,
    };
    const reason = reasonToClaim(sighting, this.#termMs);
    return reason && { lane, lease, reason };
  }

  async #ownerOf(folder: string, lease: LeaseName): Promise<Owner | undefined> {
    try {
      const file = await this.#disk.open(join(folder, ownerName(lease.nonce)));
      try {
        const bytes = Buffer.alloc(4096);
        return parseOwner(bytes.toString('utf8', 0, await file.read(bytes, 0)));
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  }
}
