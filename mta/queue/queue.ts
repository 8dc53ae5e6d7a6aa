/**
 * The queue of one worker process: a home lane for new mail, and the lanes of others that it has adopted and serves
 * until they are empty. Looks for lanes without an owner at start and every half term.
 */
import type { QueueConfig } from '../config.ts';
import { PostriderError, smtpError } from '../errors.ts';
import { type Claimable, LaneWatch } from './claim.ts';
import type { LaneContext } from './context.ts';
import { countingDisk } from './counting-disk.ts';
import type { QueueDeps, QueueStats } from './deps.ts';
import { messageOf } from './disk.ts';
import { linuxHost } from './host.ts';
import { HotCache } from './hot-cache.ts';
import { JobInterner } from './jobs.ts';
import type { Lane } from './lane.ts';
import { lanesPath, parseQueueId } from './layout.ts';
import { claimLane, createLane } from './open-lane.ts';
import { Space } from './space.ts';
import { deleteFolder } from './sweep.ts';
import type {
  Draft,
  NewMessage,
  Queue,
  QueueCounts,
  QueueEntry,
  QueueId,
  Settlement,
  StoredMessage,
} from './types.ts';
import { openFolder } from './version.ts';

const HOT_BYTES = 64 << 20;
/** Longest pause between two claims, so that workers that start together share the work. */
const CLAIM_JITTER_MS = 300;

export interface LaneQueue extends Queue {
  stats(): QueueStats;
}

/** Rejects with `PostriderError` QueueUnwritable or QueueVersionUnsupported. */
export async function openQueue(config: QueueConfig, deps: QueueDeps): Promise<LaneQueue> {
  const stats = { syncs: 0, groups: 0, records: 0, bytes: 0, renewals: 0 };
  const disk = countingDisk(deps.disk, () => {
    stats.syncs += 1;
  });
  const { clock, random, log } = deps;
  await openFolder(disk, random, config.path);
  const queue = new ProcessQueue({
    config,
    disk,
    clock,
    random,
    log,
    host: deps.host ?? linuxHost,
    interner: new JobInterner(),
    cache: new HotCache(HOT_BYTES),
    space: new Space(disk, clock, config.path, config.minFreeBytes),
    stats,
    onSync: deps.onSync ?? (() => undefined),
  });
  try {
    await queue.start();
  } catch (error) {
    if (error instanceof PostriderError) throw error;
    throw new PostriderError(
      'QueueUnwritable',
      `no lane can be opened in ${config.path}: ${messageOf(error)}`,
      {
        hint: 'Check that its volume has room, and that this user may write there.',
        cause: error,
      },
    );
  }
  return queue;
}

class ProcessQueue implements LaneQueue {
  readonly #context: LaneContext;
  readonly #watch: LaneWatch;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that we can't read: of a newer version, or on a bad disk. */
  readonly #refused = new Set<string>();
  readonly #arrival: ((entry: QueueEntry) => void)[] = [];
  readonly #loss: ((ids: readonly QueueId[]) => void)[] = [];
  #home: Lane | undefined;
  #cancelTick: () => void = () => undefined;
  #ticking: Promise<void> | undefined;
  #closed = false;

  constructor(context: LaneContext) {
    this.#context = context;
    const { disk, clock, host, config } = context;
    const termMs = config.leaseTermSeconds * 1000;
    this.#watch = new LaneWatch({ disk, clock, host, root: config.path, termMs });
  }

  async start(): Promise<void> {
    await this.#context.space.check();
    await this.#findHome(await this.#claimable());
    this.#plan(this.#jitter());
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

  *entries(): IterableIterator<QueueEntry> {
    for (const lane of this.#lanes.values()) {
      for (const message of lane.index.values()) yield lane.entryOf(message);
    }
  }

  async settle(id: QueueId, settlement: Settlement): Promise<QueueEntry | undefined> {
    const at = this.#find(id);
    if (!at) throw new PostriderError('NoSuchMessage', `there is no message ${id} in the queue`);
    return at.lane.settle(at.sequence, settlement);
  }

  owns(id: QueueId): boolean {
    return this.#find(id)?.lane.owned ?? false;
  }

  counts(): QueueCounts {
    let messages = 0;
    let bytes = 0;
    let damaged = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { index, damaged: found } of this.#lanes.values()) {
      messages += index.size;
      bytes += index.bytes;
      damaged += found;
      oldest = Math.min(oldest, index.oldest);
    }
    return {
      messages,
      bytes,
      oldest: messages > 0 ? oldest : undefined,
      lanes: this.#lanes.size,
      damaged,
      full: this.#context.space.full,
    };
  }

  stats(): QueueStats {
    return { ...this.#context.stats };
  }

  onArrival(listener: (entry: QueueEntry) => void): void {
    this.#arrival.push(listener);
  }

  onLoss(listener: (ids: readonly QueueId[]) => void): void {
    this.#loss.push(listener);
  }

  async release(): Promise<void> {
    this.#closed = true;
    this.#home = undefined;
    this.#cancelTick();
    await this.#ticking;
    const lanes = [...this.#lanes.values()];
    await Promise.all(lanes.map((lane) => lane.release()));
    this.#lanes.clear();
  }

  #find(id: QueueId): { lane: Lane; sequence: number } | undefined {
    const parsed = parseQueueId(id);
    const lane = parsed && this.#lanes.get(parsed.lane);
    return lane && { lane, sequence: parsed.sequence };
  }

  #homeLane(): Lane {
    if (this.#home) return this.#home;
    throw smtpError(this.#closed ? 'serviceShutdown' : 'leaseLost');
  }

  async #claimable(): Promise<Claimable[]> {
    const ours = new Set([...this.#lanes.keys(), ...this.#refused]);
    const found = await this.#watch.claimable(ours);
    const { random } = this.#context;
    // In another order in each process, so that they don't all try for the same.
    return found
      .map((one) => ({ one, key: random.fraction() }))
      .sort((a, b) => a.key - b.key)
      .map(({ one }) => one);
  }

  /** A lane without an owner where there is one, else a new one. */
  async #findHome(candidates: readonly Claimable[]): Promise<void> {
    for (const candidate of candidates) {
      const lane = await this.#claim(candidate);
      if (!lane || lane.retired) continue;
      this.#home = lane;
      return;
    }
    const lane = await createLane(this.#context, this.#events);
    this.#lanes.set(lane.id, lane);
    this.#home = lane;
  }

  readonly #events = {
    onArrival: (entry: QueueEntry): void => {
      for (const listener of this.#arrival) listener(entry);
    },
    onLoss: (lane: Lane): void => this.#lost(lane),
  };

  async #claim({ lane: id, lease, reason }: Claimable): Promise<Lane | undefined> {
    const { log } = this.#context;
    let lane: Lane | undefined;
    try {
      lane = await claimLane(this.#context, this.#events, id, lease);
    } catch (error) {
      const newer = error instanceof PostriderError && error.code === 'QueueVersionUnsupported';
      if (newer) this.#refused.add(id);
      log.error({ lane: id, err: error }, 'lane could not be adopted');
      return undefined;
    }
    if (!lane) return undefined;
    this.#lanes.set(id, lane);
    log.info({ lane: id, reason, messages: lane.index.size }, 'lane adopted');
    for (const message of lane.index.values()) this.#events.onArrival(lane.entryOf(message));
    return lane;
  }

  #lost(lane: Lane): void {
    if (!this.#lanes.delete(lane.id)) return;
    const ids = Array.from(lane.index.sequences(), (sequence) => lane.idOf(sequence));
    if (this.#home === lane) this.#home = undefined;
    for (const listener of this.#loss) listener(ids);
    if (!this.#closed) this.#plan(0);
  }

  #jitter(): number {
    return this.#context.random.fraction() * CLAIM_JITTER_MS;
  }

  #plan(ms: number): void {
    this.#cancelTick();
    this.#cancelTick = this.#context.clock.after(ms, () => {
      this.#ticking ??= this.#tick().finally(() => {
        this.#ticking = undefined;
      });
    });
  }

  /** One claim at a time, then another look: others are claiming too. */
  async #tick(): Promise<void> {
    let next = this.#context.config.leaseTermSeconds * 500;
    try {
      const candidates = await this.#claimable();
      if (this.#closed) return;
      if (!this.#home) await this.#findHome(candidates);
      else if (candidates[0]) {
        await this.#claim(candidates[0]);
        next = this.#jitter();
      }
      await this.#retireEmpty();
    } catch (error) {
      this.#context.log.error({ err: error }, 'lanes could not be looked after');
    }
    if (!this.#closed) this.#plan(next);
  }

  async #retireEmpty(): Promise<void> {
    const { disk, config, log } = this.#context;
    for (const lane of this.#lanes.values()) {
      if (lane === this.#home || !lane.idle || this.#closed) continue;
      this.#lanes.delete(lane.id);
      await lane.retire();
      log.info({ lane: lane.id }, 'empty lane removed');
    }
    for (const name of await disk.list(lanesPath(config.path))) {
      if (name.endsWith('.retired')) await deleteFolder(disk, `${lanesPath(config.path)}/${name}`);
    }
  }
}
