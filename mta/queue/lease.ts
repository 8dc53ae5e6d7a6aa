/**
 * The lease of a lane: one file whose name carries a number and its owner's nonce. Renewing and claiming are renames of
 * the same source, of which exactly one can win; as the number only grows, a source never comes back, and a paused
 * owner can't renew what somebody else has claimed. No clock takes part.
 *
 * Fails with `LaneLost`. A rename that reports a failure may have happened all the same (over a network): the target's
 * name, which holds our nonce, tells; where even that can't be known, the lane counts as lost.
 */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { PostriderError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { Disk } from './disk.ts';
import { type LeaseName, leaseName, RETIRED, randomName } from './layout.ts';

export interface LeaseDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
}

/** @param to a name that nobody else gives */
async function renamed(disk: Disk, folder: string, from: LeaseName, to: string): Promise<boolean> {
  const target = join(folder, to);
  try {
    await disk.rename(join(folder, leaseName(from)), target);
    return true;
  } catch {
    return disk.exists(target).catch(() => false);
  }
}

export class Lease {
  /**
   * The number by which the lane was claimed, which is on stable storage: those of later renewals may fall back in a
   * crash, and be given again to another owner.
   */
  readonly epoch: number;
  readonly #deps: LeaseDeps;
  readonly #folder: string;
  /** The segment that is being written, and how far it has been synced: to be named by the next renewal. */
  written: { readonly segment: number; readonly end: number };
  /** What the file is called now. */
  #name: LeaseName;
  #renewedAt: number;
  #lost = false;
  #turn: Promise<void> = Promise.resolve();

  private constructor(deps: LeaseDeps, folder: string, name: LeaseName, since: number) {
    this.#deps = deps;
    this.#folder = folder;
    this.#name = name;
    this.epoch = name.number;
    this.written = { segment: name.segment, end: name.end };
    this.#renewedAt = since;
  }

  /** Makes the lease of a new lane. */
  static async create(deps: LeaseDeps, folder: string): Promise<Lease> {
    const since = deps.clock.monotonic();
    const name = { number: 1, nonce: randomName(deps.random, 40), segment: 0, end: 0 };
    const file = await deps.disk.create(join(folder, leaseName(name)));
    await file.close();
    return new Lease(deps, folder, name, since);
  }

  /**
   * Claims the lane whose lease was seen as `source`; undefined where somebody else was first. The claim is synced, and
   * renewed after that: a crash of the file server before the sync may have undone the rename, and then the former
   * owner goes on, and nothing may be sealed.
   */
  static async claim(deps: LeaseDeps, folder: string, source: LeaseName): Promise<Lease | undefined> {
    const since = deps.clock.monotonic();
    const nonce = randomName(deps.random, 40);
    const name = { ...source, number: source.number + 1, nonce };
    if (!(await renamed(deps.disk, folder, source, leaseName(name)))) return undefined;
    await deps.disk.syncDirectory(folder);
    const lease = new Lease(deps, folder, name, since);
    await lease.renew().catch(() => undefined);
    return lease.lost ? undefined : lease;
  }

  /** What its file is called now. */
  get name(): string {
    return leaseName(this.#name);
  }

  get number(): number {
    return this.#name.number;
  }

  /** Ours, in the lease's name and in that of the `owner` file. */
  get nonce(): string {
    return this.#name.nonce;
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Monotonic ms at which the last renewal that succeeded was begun. */
  get renewedAt(): number {
    return this.#renewedAt;
  }

  /** Renews; resolves only if the lane was ours all the while. Begun after any renewal in flight has ended. */
  renew(): Promise<void> {
    const turn = this.#turn.then(() => this.#renew());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #renew(): Promise<void> {
    const since = this.#deps.clock.monotonic();
    const from = this.#name;
    const to = { number: from.number + 1, nonce: from.nonce, ...this.written };
    if (this.#lost || !(await renamed(this.#deps.disk, this.#folder, from, leaseName(to)))) {
      this.#lost = true;
      throw lost();
    }
    this.#name = to;
    this.#renewedAt = since;
  }

  /**
   * Names the segment that has been begun, on stable storage, before anything counts there: no crash sets the lease's name
   * back to one before it, which may be dropped by then, or have a hole behind it at which a walk ends. That it hadn't done
   * so before the sync is proven by the renewal behind the first group.
   */
  async nameSegment({ number, end }: { readonly number: number; readonly end: number }): Promise<void> {
    this.written = { segment: number, end };
    await this.renew();
    await this.#deps.disk.syncDirectory(this.#folder);
  }

  /**
   * Takes the lane from everybody, for good, on stable storage: who still sees its folder, under whatever name, finds
   * nothing to claim. Rejects with `LaneLost` where it was not ours any more.
   */
  async retire(): Promise<void> {
    await this.#turn;
    const { disk } = this.#deps;
    const ours = !this.#lost && (await renamed(disk, this.#folder, this.#name, RETIRED));
    this.#lost = true;
    if (!ours) throw lost();
    await disk.syncDirectory(this.#folder);
    // A crash of the file server may have taken that back before the sync.
    if (!(await disk.exists(join(this.#folder, RETIRED)))) throw lost();
  }

  /** Resolves when no renewal is in flight. */
  settled(): Promise<void> {
    return this.#turn;
  }

  /** Lets go without a renewal: from here on every renewal fails. */
  abandon(): void {
    this.#lost = true;
  }
}

const lost = (): Error =>
  new PostriderError('LaneLost', 'the lease of the lane has been claimed by another owner');
