/**
 * Watches the lanes of others: for how long each lease has been the same, which were let go, and what is left of lanes
 * that were never finished. A portion at each turn, so that its cost is spread and doesn't grow with the fleet.
 *
 * How it fails. A lane that can't be read, or doesn't answer, harms no other: its time is counted anew. Where the lanes
 * can't be listed, or we were away ourselves, all times are: their owners may have been unable to renew for the same
 * reason.
 */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { within } from '../within.ts';
import { type Before, type Claimable, lanesToWatch, reasonToClaim } from './claim.ts';
import type { QueueLog } from './deps.ts';
import { type Disk, errorCode } from './disk.ts';
import { sayTaken } from './hands.ts';
import type { Host, Owner } from './host.ts';
import {
  BODIES,
  isLaneId,
  type LeaseName,
  lanesPath,
  leaseName,
  parseLeaseName,
  RETIRED,
  releaseName,
} from './layout.ts';
import { newestLease, ownerOf } from './owner.ts';
import { forgetRelease, listReleases } from './releases.ts';
import type { LaneRelease, WorkerId } from './types.ts';

/** Turns in which each lane that is watched closely has its look. */
const ROUND = 3;
/** Looks at once when all lanes are looked at. */
const AT_ONCE = 8;
/** Of a term: for so long a look keeps those at other lanes waiting. What it finds later counts all the same. */
const LONGEST_LOOK = 1 / 4;
/** What is of no use for so long isn't somebody's who is slow, nor in a listing that is old. */
const RUBBISH_MS = 600_000;
/** For a lane that can't be opened. */
const LONGEST_WAIT_MS = 600_000;

interface Seen {
  /** Empty where there was none. */
  readonly lease: string;
  readonly since: number;
  /** Of the lease's nonce, where its file could be read. */
  readonly owner: { readonly nonce: string; readonly process: Owner } | undefined;
}

export interface WatchParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly host: Host;
  readonly root: string;
  readonly termMs: number;
  readonly worker: WorkerId;
  readonly log: QueueLog;
}

export class LaneWatch {
  readonly #parts: WatchParts;
  readonly #seen = new Map<string, Seen>();
  /** By name, the monotonic ms at which each marker was seen first. */
  #markers = new Map<string, number>();
  /** Names that were tried in vain, and the monotonic ms until which they aren't tried again. */
  readonly #failed = new Map<string, number>();
  /** Lanes that we couldn't open, and the monotonic ms until which we leave them to others. */
  readonly #unreadable = new Map<string, { readonly wait: number; readonly until: number }>();
  /** Lanes that a failing disk took from us, with the nonce of our lease. */
  readonly #former = new Map<string, string>();
  /** Lanes that are being looked at: one whose folder doesn't answer is not asked twice. */
  readonly #looking = new Set<string>();
  /** By looks, and not yet told of. */
  readonly #found: Claimable[] = [];
  #lanes: string[] = [];
  #round: string[][] = [];
  #far: string[] = [];
  #lastTurn: number | undefined;

  /** Folders of removed lanes that the last listing showed. */
  retired: readonly string[] = [];
  /** Lanes that nobody can own any more, whose folder has its name still: their remover has died. */
  ended: readonly string[] = [];

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Looks at everything once. Rejects with the disk's error. @param ours lanes that need no look */
  async all(ours: ReadonlySet<string>): Promise<Claimable[]> {
    const found = await this.#released(ours);
    await this.#list();
    const others = this.#lanes.filter((lane) => !ours.has(lane));
    for (let at = 0; at < others.length; at += AT_ONCE) {
      found.push(...(await this.#lookAt(others.slice(at, at + AT_ONCE))));
    }
    return found;
  }

  /** One turn. Rejects with the disk's error. @param ours lanes that need no look */
  async turn(ours: ReadonlySet<string>): Promise<Claimable[]> {
    const { clock, termMs } = this.#parts;
    const now = clock.monotonic();
    if (this.#lastTurn !== undefined && now - this.#lastTurn > termMs / 2) this.#seen.clear();
    this.#lastTurn = now;
    try {
      const released = await this.#released(ours);
      if (this.#round.length === 0) await this.#beginRound(ours);
      const portion = new Set([...(this.#round.pop() ?? []), ...this.#former.keys()]);
      const far = this.#far.pop();
      if (far !== undefined) portion.add(far);
      const looks = await this.#lookAt([...portion].filter((lane) => !ours.has(lane)));
      return [...released, ...looks];
    } catch (error) {
      this.#seen.clear();
      throw error;
    }
  }

  /** Somebody else was first, or the disk failed: we don't try this name again for a term. */
  failed({ lane, lease, reason }: Claimable): void {
    if (reason === 'former') return;
    this.#failed.set(`${lane} ${leaseName(lease)}`, this.#parts.clock.monotonic() + this.#parts.termMs);
  }

  /**
   * It was claimed and can't be opened: perhaps by others it can, who see it unchanged for a term. We try again later than
   * that, each time twice as late.
   */
  unreadable(lane: string): void {
    this.#former.delete(lane);
    const { clock, termMs } = this.#parts;
    const wait = Math.min(2 * (this.#unreadable.get(lane)?.wait ?? termMs), LONGEST_WAIT_MS);
    this.#unreadable.set(lane, { wait, until: clock.monotonic() + termMs + wait });
  }

  /** The lane was ours, and was not taken by anybody as far as we know: it is ours again where that is so. */
  remember(lane: string, nonce: string): void {
    this.#former.set(lane, nonce);
  }

  /** What a notice, or a marker, says that we may claim. */
  announced(release: LaneRelease): Claimable | undefined {
    const lease = parseLeaseName(release.lease);
    if (!lease || !isLaneId(release.lane)) return undefined;
    if (release.to !== undefined && release.to !== this.#parts.worker) return undefined;
    const { lane } = release;
    return this.#unlessFailed({ lane, lease, reason: 'released', release, ...this.#before(lane, lease) });
  }

  #before(lane: string, { nonce }: LeaseName): { readonly before?: Before } {
    const seen = this.#seen.get(lane);
    if (seen?.owner?.nonce !== nonce) return {};
    const { hostname: host, pid } = seen.owner.process;
    return { before: { host, pid, unchangedMs: Math.round(this.#parts.clock.monotonic() - seen.since) } };
  }

  async #released(ours: ReadonlySet<string>): Promise<Claimable[]> {
    const { disk, root, clock } = this.#parts;
    const now = clock.monotonic();
    const markers = new Map<string, number>();
    const found: Claimable[] = [];
    for (const release of await listReleases(disk, root)) {
      const name = releaseName(release);
      const since = this.#markers.get(name) ?? now;
      if (ours.has(release.lane) || now - since > RUBBISH_MS) {
        await forgetRelease(disk, root, release);
        continue;
      }
      markers.set(name, since);
      const claimable = this.announced(release);
      if (claimable) found.push(claimable);
    }
    this.#markers = markers;
    return found;
  }

  async #list(): Promise<void> {
    const names = await this.#parts.disk.list(lanesPath(this.#parts.root));
    this.#lanes = names.filter(isLaneId);
    this.ended = [];
    this.retired = names.filter((name) => name.endsWith('.retired'));
    const there = new Set(this.#lanes);
    for (const known of [this.#seen, this.#unreadable]) {
      for (const lane of known.keys()) if (!there.has(lane)) known.delete(lane);
    }
    const now = this.#parts.clock.monotonic();
    for (const [name, until] of this.#failed) if (until <= now) this.#failed.delete(name);
  }

  async #beginRound(ours: ReadonlySet<string>): Promise<void> {
    await this.#list();
    const { near, far } = lanesToWatch(this.#lanes, ours);
    this.#round = Array.from({ length: ROUND }, (_, turn) => near.filter((_lane, i) => i % ROUND === turn));
    if (this.#far.length === 0) this.#far = [...far];
  }

  async #lookAt(lanes: readonly string[]): Promise<Claimable[]> {
    const { clock, termMs } = this.#parts;
    const looks = lanes.filter((lane) => !this.#looking.has(lane)).map((lane) => this.#lookOnce(lane));
    await within(clock, termMs * LONGEST_LOOK, Promise.all(looks));
    return this.#found.splice(0);
  }

  async #lookOnce(lane: string): Promise<void> {
    this.#looking.add(lane);
    try {
      const claimable = await this.#look(lane);
      if (claimable) this.#found.push(claimable);
    } catch (error) {
      this.#seen.delete(lane);
      if (errorCode(error) === 'ENOENT') this.#former.delete(lane);
    } finally {
      this.#looking.delete(lane);
    }
  }

  async #look(lane: string): Promise<Claimable | undefined> {
    const { disk, clock, host, root, termMs } = this.#parts;
    const folder = join(lanesPath(root), lane);
    const began = clock.monotonic();
    const names = await disk.list(folder);
    const lease = newestLease(names);
    if (!lease && names.includes(RETIRED)) this.ended = [...this.ended, lane];
    const now = clock.monotonic();
    const name = lease ? leaseName(lease) : '';
    // Its owner may have waited for the same disk, and could not renew.
    const before = now - began > termMs / 2 ? undefined : this.#seen.get(lane);
    const since = before?.lease === name ? before.since : now;
    if (!lease) {
      this.#seen.set(lane, { lease: name, since, owner: undefined });
      if (now - since > RUBBISH_MS) await this.#removeUnfinished(folder);
      return undefined;
    }
    const owner = before?.owner?.nonce === lease.nonce ? before.owner : await this.#ownerOf(folder, lease);
    this.#seen.set(lane, { lease: name, since, owner });
    const former = this.#former.get(lane);
    if (former !== undefined && former !== lease.nonce) {
      this.#former.delete(lane);
      sayTaken(this.#parts.log, lane, owner?.process);
    }
    const sighting = {
      lease,
      oursBefore: former === lease.nonce,
      ownerGone: owner !== undefined && host.isGone(owner.process),
      unchangedFor: now - since,
    };
    const reason = reasonToClaim(sighting, termMs);
    return reason && this.#unlessFailed({ lane, lease, reason, ...this.#before(lane, lease) });
  }

  #unlessFailed(claimable: Claimable): Claimable | undefined {
    const { lane, lease } = claimable;
    const until = Math.max(
      this.#failed.get(`${lane} ${leaseName(lease)}`) ?? -Infinity,
      this.#unreadable.get(lane)?.until ?? -Infinity,
    );
    return this.#parts.clock.monotonic() < until ? undefined : claimable;
  }

  /**
   * Whoever made the folder died before it made the lease. Only an empty folder can be removed, however old our listing
   * is, and whoever comes back to it fails, and makes another.
   */
  async #removeUnfinished(folder: string): Promise<void> {
    await this.#parts.disk.removeDirectory(join(folder, BODIES)).catch(() => undefined);
    await this.#parts.disk.removeDirectory(folder).catch(() => undefined);
  }

  async #ownerOf(folder: string, lease: LeaseName): Promise<Seen['owner']> {
    const process = await ownerOf(this.#parts.disk, folder, lease);
    return process && { nonce: lease.nonce, process };
  }
}
