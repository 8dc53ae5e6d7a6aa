/**
 * The queue of one worker process: a home lane for new mail, and the lanes of others that it has adopted and serves
 * until they are empty. Which lanes it adopts is `adopter.ts`'s to say.
 */
import { turn } from '../clock.ts';
import type { QueueConfig } from '../config.ts';
import { PostriderError, smtpError } from '../errors.ts';
import { within } from '../within.ts';
import { Adopter } from './adopter.ts';
import { type Claimable, shuffled } from './claim.ts';
import type { LaneContext } from './context.ts';
import { countingDisk } from './counting-disk.ts';
import type { QueueDeps, QueueStats } from './deps.ts';
import { openFailure } from './failure.ts';
import { FolderSync } from './folder-sync.ts';
import { GiveAways } from './give-aways.ts';
import { Handles } from './handles.ts';
import { sayAdopted } from './hands.ts';
import { Home } from './home.ts';
import { linuxHost } from './host.ts';
import { HotCache } from './hot-cache.ts';
import type { Lane } from './lane.ts';
import { lanesPath, newWorkerId, parseQueueId } from './layout.ts';
import { claimLane, createLane } from './open-lane.ts';
import { Space } from './space.ts';
import { finishRemovals } from './sweep.ts';
import { countsOf, destinationsOf, recipientsOf, selectFrom, summaryOf } from './totals.ts';
import type { LaneTransfers } from './transfer/lane-transfers.ts';
import type {
  DestinationCount,
  Draft,
  JobFilter,
  LaneRelease,
  LaneSummary,
  MessageHandle,
  NewMessage,
  Queue,
  QueueCounts,
  QueueEntry,
  QueueId,
  RecipientCounts,
  Settlement,
  StoredMessage,
  WorkerId,
} from './types.ts';
import { openFolder } from './version.ts';
import { LaneWatch } from './watch.ts';

/** Messages told of in one turn of the event loop. */
const PORTION = 1000;
const HOT_BYTES = 64 << 20;

export interface LaneQueue extends Queue {
  stats(): QueueStats;
  /** The lanes of this process, as far as messages move between pods. */
  transfers(): LaneTransfers[];
  /** The lane that takes new mail; undefined where there is none just now. */
  home(): string | undefined;
  /** Takes no new mail any more: every lane is removed when it is empty, and no new one is made. */
  leave(): void;
  /** Removes the lanes that are empty; what a person has to look at stays in the folder. */
  retireEmpty(): Promise<void>;
}

/** Rejects with `PostriderError` QueueUnwritable, QueueUnreachable or QueueVersionUnsupported. */
export async function openQueue(config: QueueConfig, deps: QueueDeps): Promise<LaneQueue> {
  const adopted = { released: 0, former: 0, ownerGone: 0, lapsed: 0 };
  const stats = { syncs: 0, groups: 0, records: 0, bytes: 0, renewals: 0, adopted, lost: 0 };
  const disk = countingDisk(deps.disk, () => {
    stats.syncs += 1;
  });
  const { clock, random, log } = deps;
  await openFolder(disk, random, config);
  const queue = new ProcessQueue({
    config,
    disk,
    clock,
    random,
    log,
    host: deps.host ?? linuxHost,
    handles: new Handles(),
    laneNames: new FolderSync(() => disk.syncDirectory(lanesPath(config.path))),
    cache: new HotCache(HOT_BYTES),
    space: new Space(disk, clock, config.path, config.minFreeBytes),
    stats,
    onSync: deps.onSync ?? (() => undefined),
  });
  try {
    await queue.start();
  } catch (error) {
    throw openFailure(`no lane can be opened in ${config.path}`, error);
  }
  return queue;
}

class ProcessQueue implements LaneQueue {
  readonly worker: WorkerId;
  readonly #context: LaneContext;
  readonly #watch: LaneWatch;
  readonly #adopter: Adopter;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes of a newer version: we can't read them. */
  readonly #refused = new Set<string>();
  readonly #arrival: ((entry: QueueEntry) => void)[] = [];
  readonly #released: ((release: LaneRelease) => void)[] = [];
  readonly #giveAways: GiveAways;
  /** Lanes that were lost while they were worked on: not ours again before that has ended. */
  readonly #unquiet = new Set<string>();
  readonly #home: Home;
  #closed = false;
  #leaving = false;
  #retiring: Promise<void> | undefined;

  constructor(context: LaneContext) {
    this.#context = context;
    this.worker = newWorkerId(context.random);
    const { disk, clock, host, config, random, log } = context;
    const termMs = config.leaseTermSeconds * 1000;
    this.#watch = new LaneWatch({ disk, clock, host, log, root: config.path, termMs, worker: this.worker });
    this.#adopter = new Adopter({
      watch: this.#watch,
      clock,
      random,
      log,
      termMs,
      ours: () => new Set([...this.#lanes.keys(), ...this.#refused, ...this.#unquiet]),
      adopted: () => this.#lanes.size - (this.#home.lane ? 1 : 0),
      claim: async (claimable) => void (await this.#claim(claimable)),
      onTurn: () => this.#tidy(),
    });
    const retry = { clock, random, firstMs: 400, longestMs: termMs / 2 };
    this.#home = new Home(retry, () => this.#createLane());
    this.#giveAways = new GiveAways({
      clock,
      isOurs: (lane) => !this.#closed && this.#lanes.get(lane.id) === lane,
      takeMailFrom: async (lane) => {
        if (this.#home.lane === lane) await this.#home.moveInto();
      },
      letGo: async (lane, to) => {
        this.#forget(lane);
        await this.#letGo(lane, to);
      },
      onStay: (lane) => this.#announce(lane),
    });
  }

  /** A lane without an owner becomes the home where there is one, else a new one. */
  async start(): Promise<void> {
    await this.#context.space.check();
    const found = shuffled(await this.#watch.all(new Set()), this.#context.random);
    let lane: Lane | undefined;
    while (!lane && found.length > 0) {
      lane = await this.#claim(found.shift()!);
    }
    await this.#home.moveInto(lane);
    this.#adopter.hear(found);
    this.#adopter.start();
  }

  draft(): Draft {
    if (this.#context.space.full) throw smtpError('insufficientStorage');
    return this.#homeLane().draft();
  }

  async enqueue(message: NewMessage): Promise<QueueId> {
    return this.#homeLane().enqueue(message);
  }

  async read(id: QueueId): Promise<StoredMessage | undefined> {
    const at = this.#find(id);
    return at?.lane.read(at.sequence);
  }

  entry(id: QueueId): QueueEntry | undefined {
    const at = this.#find(id);
    const message = at?.lane.index.get(at.sequence);
    return at && message && at.lane.entryOf(message);
  }

  at(handle: MessageHandle): QueueEntry | undefined {
    const found = this.#context.handles.find(handle);
    const lane = found && this.#lanes.get(found.lane);
    const message = lane?.index.get(found!.sequence);
    return lane && message && lane.entryOf(message);
  }

  select(filter: JobFilter): IterableIterator<MessageHandle[]> {
    return selectFrom([...this.#lanes.values()], filter);
  }

  countRecipients(now: number): RecipientCounts {
    return recipientsOf(this.#lanes.values(), now);
  }

  countDestinations(now: number, most: number): Promise<Map<string, DestinationCount>> {
    return destinationsOf([...this.#lanes.values()], now, most, this.#context.clock);
  }

  *entries(): IterableIterator<QueueEntry> {
    for (const lane of this.#lanes.values()) {
      for (const message of lane.index.values()) yield lane.entryOf(message);
    }
  }

  async settle(id: QueueId, settlement: Settlement): Promise<void> {
    const at = this.#find(id);
    if (!at) throw new PostriderError('NoSuchMessage', `there is no message ${id} in the queue`);
    return at.lane.settle(at.sequence, settlement);
  }

  owns(id: QueueId): boolean {
    return this.#find(id)?.lane.owned ?? false;
  }

  counts(): QueueCounts {
    return countsOf([...this.#lanes.values()], this.#context.space.full);
  }

  stats(): QueueStats {
    return structuredClone(this.#context.stats);
  }

  transfers(): LaneTransfers[] {
    return Array.from(this.#lanes.values(), ({ transfers }) => transfers);
  }

  home(): string | undefined {
    return this.#leaving ? undefined : this.#home.lane?.id;
  }

  leave(): void {
    this.#leaving = true;
  }

  onArrival(listener: (entry: QueueEntry) => void): void {
    this.#arrival.push(listener);
  }

  noticed(release: LaneRelease): void {
    if (!this.#closed) this.#adopter.noticed(release);
  }

  onReleased(listener: (release: LaneRelease) => void): void {
    this.#released.push(listener);
  }

  lanes(): LaneSummary[] {
    const now = this.#context.clock.now();
    return Array.from(this.#lanes.values(), (lane) => summaryOf(lane, now, lane === this.#home.lane));
  }

  giveAway(id: string, to: WorkerId): Promise<boolean> {
    const lane = this.#lanes.get(id);
    return lane && !this.#closed ? this.#giveAways.give(lane, to) : Promise.resolve(false);
  }

  yielding(id: QueueId): boolean {
    return this.#giveAways.yielding(id);
  }

  onYield(listener: (lane: string) => Promise<void>): void {
    this.#giveAways.onYield(listener);
  }

  adoptNoMore(): void {
    this.#adopter.leaveToOthers();
  }

  async release(): Promise<void> {
    this.#closed = true;
    this.#home.leave();
    await this.#adopter.stop();
    await this.#giveAways.settled();
    await Promise.all(Array.from(this.#lanes.values(), (lane) => this.#letGo(lane)));
    this.#lanes.clear();
  }

  async #letGo(lane: Lane, to?: WorkerId): Promise<void> {
    const release = await lane.release(to);
    if (release) for (const listener of this.#released) listener(release);
  }

  #find(id: QueueId): { lane: Lane; sequence: number } | undefined {
    const parsed = parseQueueId(id);
    const lane = parsed && this.#lanes.get(parsed.lane);
    return lane && { lane, sequence: parsed.sequence };
  }

  #homeLane(): Lane {
    if (this.#closed || this.#leaving) throw smtpError('serviceShutdown');
    return this.#home.open;
  }

  async #createLane(): Promise<Lane> {
    const lane = await createLane(this.#context, this.#events);
    // All others have been let go of by then, and nobody would come back for this one.
    if (this.#closed) await this.#letGo(lane);
    else this.#keep(lane);
    return lane;
  }

  /** From now on we hear of its loss. Throws `LaneLost` where that came before: nobody would ever forget it. */
  #keep(lane: Lane): void {
    if (lane.over) {
      this.#context.handles.close(lane.id);
      throw new PostriderError('LaneLost', 'the lane was lost in the moment in which it was opened');
    }
    this.#lanes.set(lane.id, lane);
  }

  readonly #events = {
    onArrival: (entry: QueueEntry): void => {
      for (const listener of this.#arrival) listener(entry);
    },
    onLoss: (lane: Lane): void => this.#lost(lane),
  };

  async #claim(claimable: Claimable): Promise<Lane | undefined> {
    const { log, clock } = this.#context;
    const { lane: id, lease } = claimable;
    const began = clock.monotonic();
    let lane: Lane | undefined;
    try {
      lane = await claimLane(this.#context, this.#events, id, lease);
      if (lane) this.#keep(lane);
    } catch (error) {
      const newer = error instanceof PostriderError && error.code === 'QueueVersionUnsupported';
      if (newer) this.#refused.add(id);
      this.#watch.unreadable(id);
      log.error({ lane: id, err: error }, 'lane could not be adopted');
      lane = undefined;
    }
    if (!lane) {
      this.#watch.failed(claimable);
      return undefined;
    }
    sayAdopted(this.#context, claimable, lane.index.size, clock.monotonic() - began);
    await this.#announce(lane);
    return lane;
  }

  /** Whether it was known: one of its name may be another, which was claimed anew. */
  #forget(lane: Lane): boolean {
    if (this.#lanes.get(lane.id) !== lane) return false;
    this.#context.handles.close(lane.id);
    return this.#lanes.delete(lane.id);
  }

  /** In portions: there may be a million. */
  async #announce(lane: Lane): Promise<void> {
    if (this.#arrival.length === 0) return;
    let told = 0;
    for (const message of lane.index.values()) {
      if (this.#lanes.get(lane.id) !== lane) return;
      this.#events.onArrival(lane.entryOf(message));
      told += 1;
      if (told % PORTION === 0) await turn(this.#context.clock);
    }
  }

  #lost(lane: Lane): void {
    if (!this.#forget(lane)) return;
    this.#context.stats.lost += 1;
    this.#home.leave(lane);
    this.#unquiet.add(lane.id);
    void this.#giveAways.quiet(lane.id).then(() => {
      this.#unquiet.delete(lane.id);
      this.#watch.remember(lane.id, lane.nonce);
    });
    this.#adopter.hurry();
  }

  async #tidy(): Promise<void> {
    if (this.#closed) return;
    if (!this.#leaving) await this.#home.ensure();
    // A folder that doesn't answer keeps nobody from looking at the others, nor this process from a home.
    if (this.#retiring !== undefined) return;
    this.#retiring = this.retireEmpty().finally(() => {
      this.#retiring = undefined;
    });
    await within(this.#context.clock, this.#context.config.leaseTermSeconds * 1000, this.#retiring);
  }

  async retireEmpty(): Promise<void> {
    const { disk, config, log } = this.#context;
    for (const lane of this.#lanes.values()) {
      const isHome = lane === this.#home.lane || lane.drafts.any;
      const isKept = (isHome && !this.#leaving) || this.#giveAways.has(lane);
      if (isKept || !lane.idle || this.#closed) continue;
      let stays = false;
      try {
        stays = !(await lane.retire());
      } finally {
        if (!stays) this.#forget(lane);
      }
      if (!stays) log.info({ lane: lane.id }, 'empty lane removed');
    }
    await finishRemovals(disk, config.path, this.#watch);
  }
}
